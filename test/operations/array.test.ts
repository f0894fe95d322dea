import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ config: "cpuCores: 4\n" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

const show = (job: number) => host.client.call("GET /jobs/:job", { job });
const logOf = async (job: number): Promise<string> => (await host.cli("logs", String(job))).stdout;

describe("orch run --array", () => {
  test("runs a command for each number, with the number in its words and its environment", async () => {
    const script = 'echo "{index} $0 $ORCH_ARRAY_INDEX of $ORCH_ARRAY_ID, {other}, $ORCH_ATTEMPT"';
    const run = await host.cli("run", "--array", "3,5-9:2%2", "--", "sh", "-c", script, "x{index}");
    const match = /^jobs (\d+)–(\d+) \(array (\d+), 4 jobs, at most 2 at once\)\n$/.exec(run.stdout);
    expect([run.code, match === null ? run : null]).toEqual([0, null]);
    const first = Number(match?.[1]);
    expect([Number(match?.[2]), Number(match?.[3])]).toEqual([first + 3, first]);
    for (const [place, index] of [3, 5, 7, 9].entries()) {
      const done = await host.until(first + place, "succeeded");
      expect(done.array).toEqual({ id: first, index });
      expect(await logOf(done.id)).toBe(`${index} x${index} ${index} of ${first}, {other}, 1\n`);
    }
    const listed = (await host.cli("ls", "-a", "--array", String(first))).stdout;
    expect(listed).toContain(`${first}_[5]`);
    expect(listed.trim().split("\n")).toHaveLength(5);
    expect((await host.cli("show", String(first))).stdout).toMatch(
      new RegExp(`^array +${first}_\\[3\\]$`, "m"),
    );
  });

  test("prints all ids under -q, and leaves braces alone without --array", async () => {
    const { stdout } = await host.cli("run", "-q", "--array", "0-2", "--", "true");
    const ids = stdout.trim().split("\n").map(Number);
    expect(ids).toEqual([ids[0], (ids[0] ?? 0) + 1, (ids[0] ?? 0) + 2]);
    expect((await host.cli("run", "--", "echo", "{index}")).stdout).toBe("{index}\n");
  });
});

describe("a sweep", () => {
  test("of a runtime makes a job of each combination, typed as the param is", async () => {
    const run = await host.cli(
      ..."submit echo --sweep text=a,b --sweep seconds=0,0.1 --at-once 1 --json".split(" "),
    );
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const { first, jobs, atOnce } = JSON.parse(run.stdout) as Record<string, number>;
    expect([jobs, atOnce]).toEqual([4, 1]);
    const params = await Promise.all(
      [0, 1, 2, 3].map(async (place) => (await show((first ?? 0) + place)).params),
    );
    expect(params.map(({ text, seconds }) => [text, seconds])).toEqual([
      ["a", 0],
      ["a", 0.1],
      ["b", 0],
      ["b", 0.1],
    ]);
    for (let place = 0; place < 4; place++) await host.until((first ?? 0) + place, "succeeded");
  });

  test("of a command puts the values into its words and its environment", async () => {
    const script = 'echo "{lr} $ORCH_SWEEP_LR $ORCH_SWEEP_BATCH_SIZE"';
    const args = ["--sweep", "lr=0.1,0.01", "--sweep", "batch-size=8", "--", "sh", "-c", script];
    const ids = (await host.cli("run", "-q", ...args)).stdout.trim().split("\n").map(Number);
    for (const [place, lr] of ["0.1", "0.01"].entries()) {
      await host.until(ids[place] ?? 0, "succeeded");
      expect(await logOf(ids[place] ?? 0)).toBe(`${lr} ${lr} 8\n`);
    }
  });

  test("that explodes is refused with the limit, before anything is built", async () => {
    const args = ["--sweep", "a=1..1000000", "--sweep", "b=1..1000000"];
    const run = await host.cli("run", ...args, "--", "true");
    expect([run.code, run.stderr]).toEqual([
      2,
      expect.stringContaining("a (1,000,000) × b (1,000,000) = 1,000,000,000,000 jobs; at most 100,000"),
    ]);
    const array = await host.cli("run", "--array", "0-100000", "--", "true");
    expect([array.code, array.stderr]).toEqual([2, expect.stringContaining("at most 100,000 are allowed")]);
  });

  test("with a value that does not fit names the job, and nothing is queued", async () => {
    const { total } = await host.client.call("GET /jobs", { limit: 1 });
    const failure = await refusal(
      "param/invalid",
      host.client.call("POST /jobs/array", {
        runtime: "echo",
        sweep: ["seconds=1,soon"],
        params: { text: "x" },
      }),
    );
    expect(failure.message).toMatch(/^job 1 of the array \(seconds=soon\): param "seconds"/);
    expect((await host.client.call("GET /jobs", { limit: 1 })).total).toBe(total);
  });

  test("and an array do not go together, and neither is no array", async () => {
    const both = { runtime: "echo", params: { text: "x" }, array: "0-1", sweep: ["text=a"] };
    await refusal("usage/invalid", host.client.call("POST /jobs/array", both));
    await refusal("usage/invalid", host.client.call("POST /jobs/array", { runtime: "echo" }));
    await refusal("usage/invalid", host.client.call("POST /jobs/array", { runtime: "echo", array: "9-0" }));
    expect((await host.cli("run", "--at-once", "2", "--", "true")).code).toBe(2);
  });
});

describe("all jobs of an array", () => {
  test("are held, released and cancelled at once", async () => {
    const array = { command: ["sleep", "60"], cwd: "/", array: "0-99%2" };
    const { first } = await host.client.call("POST /jobs/run-array", array);
    await host.until(first, "running");
    await host.until(first + 1, "running");
    expect(await host.client.call("POST /arrays/:array/hold", { array: first })).toEqual({
      array: first,
      changed: 98,
      skipped: 2,
    });
    expect(
      (await host.client.call("GET /jobs", { array: first, states: ["held"], limit: 1 })).jobs[0]?.reason,
    ).toEqual(expect.objectContaining({ code: "held" }));
    await host.client.call("POST /arrays/:array/release", { array: first });
    const { stdout, code } = await host.cli("cancel", "--array", String(first));
    expect([code, stdout]).toEqual([0, `array ${first}: cancel of 100 jobs\n`]);
    for (const id of [first, first + 1, first + 99]) await host.until(id, "cancelled");
    const { jobs } = await host.client.call("GET /jobs", { array: first, limit: 1000 });
    expect(jobs.filter(({ attempts }) => attempts > 0).map(({ id }) => id)).toEqual([first + 1, first]);
    await refusal("array/unknown", host.client.call("POST /arrays/:array/cancel", { array: 99_999 }));
    expect((await host.cli("cancel")).code).toBe(2);
    expect((await host.cli("cancel", "--array", "1", "2")).code).toBe(2);
  });
});

describe("a large array", () => {
  test("of 100,000 jobs is one request, and its end as well", async () => {
    const array = { command: ["true"], cwd: "/", array: "0-99999%1", options: { hold: true } };
    const queued = await host.client.call("POST /jobs/run-array", array);
    expect(queued.jobs).toBe(100_000);
    const done = await host.client.call("POST /arrays/:array/cancel", { array: queued.array });
    expect(done.changed).toBe(100_000);
  }, 60_000);
});

describe("a short request for more text than a host can hold", () => {
  const sweep = [
    `x=${JSON.stringify(Array.from({ length: 20_000 }, (_, index) => `${index}-${"v".repeat(50)}`))}`,
  ];

  test("is refused, of a command as of a runtime", async () => {
    const pid = host.pid();
    const command = ["echo", "{x}".repeat(20_000)];
    const asked = host.client.call("POST /jobs/run-array", { command, cwd: "/", sweep });
    expect((await refusal("usage/invalid", asked)).message).toBe(
      "the words of these 20000 jobs are too long",
    );
    const params = { text: "{x}".repeat(20_000) };
    await refusal("usage/invalid", host.client.call("POST /jobs/array", { runtime: "echo", params, sweep }));
    expect(host.pid()).toBe(pid);
    await host.client.call("GET /status", {});
  });

  test("is refused where a long value goes with many others, too", async () => {
    const wide = [`a=${JSON.stringify(["w".repeat(100_000)])}`, "b=1..50000"];
    const asked = host.client.call("POST /jobs/run-array", { command: ["true"], cwd: "/", sweep: wide });
    await refusal("usage/invalid", asked);
  });
});

describe("a dry run", () => {
  test("does not pass over --array and --sweep", async () => {
    for (const flags of [
      ["--array", "0-3"],
      ["--sweep", "nope=1,2"],
    ]) {
      const { code, stderr } = await host.cli("submit", "echo", "--dry-run", ...flags);
      expect([code, stderr]).toEqual([2, expect.stringContaining("neither --array nor --sweep")]);
    }
  });
});
