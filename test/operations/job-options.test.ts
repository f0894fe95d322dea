import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobOptions, Treatment } from "../../src/operations/api.ts";
import { toTimestamp } from "../../src/operations/job-view.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ config: "cpuCores: 4\npriorities: { low: -7, rush: 70 }\n" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

const show = (job: number) => host.client.call("GET /jobs/:job", { job });
const cancel = (job: number) => host.client.call("POST /jobs/:job/cancel", { job });
const inHours = (hours: number): number => Date.now() + hours * 3_600_000;

async function ended(script: string): Promise<number> {
  const job = await host.sh(script);
  await host.until(job.id, "succeeded", "failed");
  return job.id;
}

describe("priority", () => {
  test("may be a number or a name of the config", async () => {
    expect(await host.sh("true", { options: { priority: "rush" } })).toMatchObject({ priority: 70 });
    expect(await host.sh("true", { options: { priority: -1000 } })).toMatchObject({ priority: -1000 });
    const failure = await refusal("usage/invalid", host.sh("true", { options: { priority: "urgent" } }));
    expect(failure.sentence).toBe(
      'there is no priority "urgent": it is a number from -1000 to 1000 or one of: low (-7), rush (70)',
    );
    await refusal("usage/invalid", host.sh("true", { options: { priority: "constructor" } }));
    await refusal("request/malformed", host.sh("true", { options: { priority: 1001 } }));
  });
});

describe("begin and deadline", () => {
  test("hold a job, and are shown", async () => {
    const begin = inHours(1);
    const job = await host.sh("true", {
      options: { begin, deadline: new Date(begin + 60_000).toISOString() },
    });
    expect(job).toMatchObject({ state: "held", reason: { code: "begin" } });
    expect(await show(job.id)).toMatchObject({
      begin: new Date(begin).toISOString(),
      deadline: new Date(begin + 60_000).toISOString(),
    });
    await cancel(job.id);
    expect((await show(job.id)).deadline, "also of a job that is over").not.toBeNull();
  });

  test("that are past: the one means at once, the other is refused", async () => {
    const job = await host.sh("true", { options: { begin: 0 } });
    expect((await host.until(job.id, "succeeded")).attempts).toBe(1);
    await refusal("job/deadline", host.sh("true", { options: { deadline: Date.now() - 60_000 } }));
    const failure = await refusal(
      "job/deadline",
      host.sh("true", { options: { begin: inHours(2), deadline: inHours(1) } }),
    );
    expect(failure.message).toBe("its deadline is before its begin");
  });

  test("a job that misses its deadline is given up", async () => {
    const job = await host.sh("sleep 60", { options: { deadline: Date.now() + 300 } });
    expect(await host.until(job.id, "failed")).toMatchObject({ exitCode: 124, reason: { code: "deadline" } });
  });
});

describe("dependencies", () => {
  test("let a job go by how the others end, and cancel it when that cannot be", async () => {
    const first = await host.sh("sleep 0.3; exit 3");
    const queue = (options: Treatment) => host.sh("true", { options });
    const jobs = [
      await queue({ after: [first.id] }),
      await queue({ afterFailed: [first.id] }),
      await queue({ afterAny: [first.id] }),
    ];
    expect(jobs.map(({ state }) => state)).toEqual(["held", "held", "held"]);
    const [succeeded, failed, any] = jobs.map(({ id }) => id);
    expect(await host.until(succeeded ?? 0, "cancelled")).toMatchObject({
      reason: { code: "dependency-failed", text: `job ${first.id}, which it waited for, failed` },
    });
    await host.until(failed ?? 0, "succeeded");
    await host.until(any ?? 0, "succeeded");
  });

  test("on a job that is over count as it ended", async () => {
    const [good, bad] = [await ended("true"), await ended("false")];
    const fine = await host.sh("true", {
      options: { after: [good], afterFailed: [bad], afterAny: [good, bad] },
    });
    await host.until(fine.id, "succeeded");
    const failure = await refusal("dependency/failed", host.sh("true", { options: { after: [bad] } }));
    expect(failure).toMatchObject({
      message: `job ${bad}, which it should wait for, failed`,
      hint: `orch retry ${bad}`,
    });
    await refusal("dependency/failed", host.sh("true", { options: { afterFailed: [good] } }));
  });

  test("that contradict each other, or are on no job, are refused", async () => {
    const good = await ended("true");
    const both = { after: [good], afterFailed: [good] };
    expect((await refusal("usage/invalid", host.sh("true", { options: both }))).message).toBe(
      `it cannot wait for job ${good} both to succeed and to fail`,
    );
    await refusal("dependency/unknown", host.sh("true", { options: { afterAny: [99_999] } }));
  });

  test("cannot be circular: a job names only jobs that are there, not those of its own batch", async () => {
    const { id } = await host.sh("true");
    const job = (options: JobOptions) => ({ runtime: "echo", params: { text: "hi" }, options });
    const jobs = [job({ after: [id + 2] }), job({ after: [id + 1] })];
    const failure = await refusal("dependency/unknown", host.client.call("POST /jobs/batch", { jobs }));
    expect(failure.message).toBe(`job 1 of the batch: there is no job ${id + 2} to wait for`);
    const self = { options: { after: [id + 1] } };
    await refusal("dependency/unknown", host.sh("true", self));
  });
});

describe("retries", () => {
  test("wait as long as was asked for", async () => {
    const job = await host.sh("test -e retried || { touch retried; exit 1; }", {
      options: { retries: 1, retryDelayMs: 3_600_000 },
    });
    const waiting = await host.until(job.id, "held");
    expect(waiting.reason).toMatchObject({
      code: "retry",
      text: expect.stringMatching(/^attempt 1 failed; tried again in [3-6]\dm/),
    });
    await host.client.call("POST /jobs/:job/release", { job: job.id });
    await host.until(job.id, "succeeded");
  });
});

describe("demands", () => {
  test("of a job override those of its runtime, in a lane of their own", async () => {
    const options = { cpus: 2, ramBytes: 2 ** 20, hold: true };
    const job = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "hi" }, options });
    expect((await show(job.id)).lane).toMatch(/#\+2cpu\+1MiBram$/);
    const tooMany = { runtime: "echo", params: { text: "hi" }, options: { cpus: 5 } };
    await refusal("host/too-large", host.client.call("POST /jobs", tooMany));
  });
});

describe("the command line", () => {
  test("takes all of it", async () => {
    const good = await ended("true");
    const flags =
      "--priority rush --begin +2h --deadline +3h --retries 2 --retry-delay 5s --preemptible --cpus 1 --ram 1MiB";
    const { stdout, code, stderr } = await host.cli(
      ..."run -q -d".split(" "),
      ...flags.split(" "),
      ..."--after-any".split(" "),
      String(good),
      "--",
      "true",
    );
    expect([code, stderr]).toEqual([0, ""]);
    const detail = await show(Number(stdout));
    expect(detail).toMatchObject({
      priority: 70,
      retries: 2,
      preemptible: true,
      after: [good],
      state: "held",
    });
    const beginMs = Date.parse(detail.begin ?? "");
    expect(Math.abs(beginMs - inHours(2))).toBeLessThan(60_000);
    const shown = (await host.cli("show", stdout.trim())).stdout;
    expect(shown).toMatch(/^preemptible +yes, preempted 0 times so far$/m);
    expect(shown).toMatch(/^begin +20/m);
    const wrong = await host.cli("run", "--begin", "next tuesday", "--", "true");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("--begin")]);
  });
});

describe("update", () => {
  test("changes a waiting job, on the disk as well", async () => {
    const job = await host.sh("true", { options: { hold: true } });
    const changed = await host.cli(
      ..."update --priority rush --retries 3 --time 2h --begin +2h --deadline +4h".split(" "),
      String(job.id),
    );
    expect([changed.code, changed.stderr]).toEqual([0, ""]);
    const expected = { priority: 70, retries: 3, timeLimitMs: 7_200_000, state: "held" };
    const before = await show(job.id);
    expect(before).toMatchObject(expected);
    expect(before.timeline.at(-1)?.text).toMatch(
      /^job \d+: now priority 70, retries 3, time limit 7200 s, begin /,
    );
    await host.kill();
    await host.start();
    expect(await show(job.id)).toEqual(before);
    await host.client.call("POST /jobs/:job/update", { job: job.id, begin: null, deadline: null });
    expect(await show(job.id)).toMatchObject({ begin: null, deadline: null });
    await host.client.call("POST /jobs/:job/release", { job: job.id });
    await host.until(job.id, "succeeded");
    await refusal("job/state", host.client.call("POST /jobs/:job/update", { job: job.id, priority: 1 }));
  });

  test("refuses what makes no sense", async () => {
    const job = await host.sh("true", { options: { hold: true } });
    const update = (given: object) => host.client.call("POST /jobs/:job/update", { job: job.id, ...given });
    await refusal("usage/invalid", update({}));
    await refusal("usage/invalid", update({ priority: "urgent" }));
    await refusal("job/deadline", update({ deadline: 5 }));
    await refusal("request/malformed", update({ retries: -1 }));
    await refusal("job/unknown", host.client.call("POST /jobs/:job/update", { job: 99_999, priority: 1 }));
  });
});

describe("times that no clock has", () => {
  const beyond = [8_640_000_000_000_001, Number.MAX_SAFE_INTEGER, Date.UTC(10_000, 0)];

  test("are refused, and the daemon lives on", async () => {
    const held = await host.sh("true", { options: { hold: true } });
    const pid = host.pid();
    for (const time of beyond) {
      await refusal("request/malformed", host.sh("true", { options: { begin: time } }));
      await refusal("request/malformed", host.sh("true", { options: { deadline: time } }));
      await refusal("request/malformed", host.client.call("POST /reservations", { end: time }));
      for (const change of [{ begin: time }, { deadline: time }])
        await refusal(
          "request/malformed",
          host.client.call("POST /jobs/:job/update", { job: held.id, ...change }),
        );
    }
    expect((await host.client.call("GET /status", {})).pid).toBe(pid);
    await cancel(held.id);
  });

  test("are not foretold either", async () => {
    const limit = { timeLimitMs: Number.MAX_SAFE_INTEGER };
    await refusal("request/malformed", host.sh("true", { options: limit }));
    expect(toTimestamp(Number.MAX_SAFE_INTEGER)).toBe("9999-12-31T23:59:59.999Z");
  });
});

describe("orch update --time", () => {
  test("none takes a limit away", async () => {
    const job = await host.sh("true", { options: { hold: true, timeLimitMs: 1_000 } });
    expect(await host.cli("update", String(job.id), "--time", "none")).toMatchObject({ code: 0 });
    expect((await show(job.id)).timeLimitMs).toBeNull();
    await host.cli("update", String(job.id), "--time", "2s");
    expect((await show(job.id)).timeLimitMs).toBe(2_000);
    await cancel(job.id);
  });
});
