import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Api } from "../../src/operations/api.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

type Scheduled = Api["POST /schedules"]["input"]["scheduled"];

const sh = (script: string): Scheduled => ({
  verb: "run",
  submission: { command: ["sh", "-c", script], cwd: host.home },
});
const far = "0 3 1 1 *";

const lastJobOf = async (schedule: string): Promise<number> => {
  const job = await until(`a job of ${schedule}`, async () => {
    return (await host.client.call("GET /schedules/:schedule", { schedule })).lastJob;
  });
  return job.id;
};

describe("a schedule", () => {
  test("submits its job each time that its line fires, as the one who made it", async () => {
    const made = await host.client.call("POST /schedules", {
      line: "* * * * * *",
      name: "ticker",
      scheduled: sh("echo fired in $(pwd)"),
    });
    expect(made).toMatchObject({ name: "ticker", description: null, paused: false, lastJob: null });
    const id = await lastJobOf("ticker");
    await host.client.call("POST /schedules/:schedule/pause", { schedule: "ticker" });
    const done = await host.until(id, "succeeded");
    expect(done.user).toBe(made.user);
    const detail = await host.client.call("GET /jobs/:job", { job: id });
    expect(detail.schedule).toBe(made.id);
    expect((await host.cli("logs", String(id))).stdout).toBe(`fired in ${host.home}\n`);
    expect((await host.cli("show", String(id))).stdout).toMatch(new RegExp(`^schedule +${made.id}$`, "m"));
    const gone = await host.client.call("POST /schedules/:schedule/remove", { schedule: String(made.id) });
    expect(gone.name).toBe("ticker");
    await refusal("schedule/unknown", host.client.call("GET /schedules/:schedule", { schedule: "ticker" }));
  });

  test("of a runtime uses the runtime as it is when it fires; one that is gone is noted, and it goes on", async () => {
    addEchoRuntime(host, "brief");
    const made = await host.client.call("POST /schedules", {
      line: far,
      scheduled: { verb: "submit", submission: { runtime: "brief", params: { text: "hi" } } },
    });
    expect(made).toMatchObject({ name: "brief", summary: "brief text=hi" });
    const { ids } = await host.client.call("POST /schedules/:schedule/run-now", { schedule: "brief" });
    await host.until(ids[0] ?? 0, "succeeded");
    await host.client.call("POST /schedules/:schedule/remove", { schedule: "brief" });
    await host.client.call("POST /schedules", {
      line: "* * * * * *",
      name: "short-lived",
      overlap: true,
      scheduled: { verb: "submit", submission: { runtime: "brief", params: { text: "hi" } } },
    });
    rmSync(join(host.home, "runtimes", "brief"), { recursive: true });
    const noted = await until("the fire that fails", async () => {
      const view = await host.client.call("GET /schedules/:schedule", { schedule: "short-lived" });
      return view.lastError === null ? undefined : view;
    });
    expect(noted.lastError).toContain('"brief"');
    expect(noted.next).not.toBeNull();
    await host.client.call("POST /schedules/:schedule/remove", { schedule: "short-lived" });
  });

  test("is refused when its line or its job is wrong, before anything is made", async () => {
    const add = (line: string, scheduled: Scheduled = sh("true"), more: object = {}) =>
      host.client.call("POST /schedules", { line, scheduled, ...more });
    await refusal("usage/invalid", add("0 0 31 2 *"));
    await refusal("usage/invalid", add("61 * * * *"));
    await refusal("usage/invalid", add(far, sh("true"), { timeZone: "Mars/Olympus" }));
    const nowhere = { verb: "run", submission: { command: ["true"], cwd: "/nowhere/at/all" } } as const;
    await refusal("file/missing", add(far, nowhere));
    const submission = { command: ["true"], cwd: host.home };
    const wide = { verb: "run", submission: { ...submission, gpus: 9 } } as const;
    await refusal("gpu/too-many", add(far, wide));
    const once = { verb: "run", submission: { ...submission, options: { deadline: 1 } } } as const;
    const { message } = await refusal("usage/invalid", add(far, once));
    expect(message).toContain("--deadline");
    await refusal("runtime/unknown", add(far, { verb: "submit", submission: { runtime: "nope" } }));
    await refusal("request/malformed", add(far, sh("true"), { name: "12" }));
    await add(far, sh("true"), { name: "twin" });
    await refusal("schedule/exists", add(far, sh("true"), { name: "twin" }));
    const { schedules } = await host.client.call("GET /schedules", {});
    expect(schedules.map(({ name }) => name)).toEqual(["twin"]);
  });

  test("does not show the environment of its command", async () => {
    const submission = { command: ["true"], cwd: host.home, env: { TOKEN: "s3cret" } };
    await host.client.call("POST /schedules", {
      line: far,
      name: "secretive",
      scheduled: { verb: "run", submission },
    });
    const shown = JSON.stringify(
      await host.client.call("GET /schedules/:schedule", { schedule: "secretive" }),
    );
    expect(shown).toContain('"command":["true"]');
    expect(shown).not.toContain("s3cret");
  });

  test('may be called "next"', async () => {
    const submission = { command: ["true"], cwd: "/" };
    const scheduled = { verb: "run", submission } as const;
    await host.client.call("POST /schedules", { line: "0 3 * * *", name: "next", scheduled });
    expect(await host.client.call("GET /schedules/:schedule", { schedule: "next" })).toMatchObject({
      name: "next",
    });
    await host.client.call("POST /schedules/:schedule/remove", { schedule: "next" });
  });

  test("says when a line fires, over a change of clocks", async () => {
    const answer = await host.client.call("GET /cron-fires", {
      line: "0 12 * * *",
      timeZone: "Europe/Berlin",
      count: 3,
    });
    expect(answer.fires).toHaveLength(3);
    expect(answer.timeZone).toBe("Europe/Berlin");
  });
});

describe("the command line", () => {
  test("makes, lists, tries, pauses, resumes and removes a schedule", async () => {
    const words = [
      "--name",
      "nightly",
      "--tz",
      "Europe/Berlin",
      "--",
      "run",
      "--time",
      "5m",
      "--",
      "echo",
      "--json",
    ];
    const made = await host.cli("schedule", "add", "0 3 * * *", ...words);
    expect(made.stderr).toBe("");
    expect(made.stdout).toMatch(
      /^schedule nightly \(\d+\) fires every day at 03:00 \(Europe\/Berlin\); next .+\n$/,
    );
    const listed = await host.cli("schedule");
    expect(listed.stdout).toMatch(
      /nightly +every day at 03:00 +Europe\/Berlin .*\d{4}-\d\d-\d\dT0[12]:00:00Z/,
    );
    const { stdout: id } = await host.cli("schedule", "run-now", "nightly", "-q");
    await host.until(Number(id), "succeeded");
    expect((await host.cli("logs", id.trim())).stdout).toBe("--json\n");
    const detail = await host.client.call("GET /jobs/:job", { job: Number(id) });
    expect(detail.timeLimitMs).toBe(300_000);
    expect((await host.cli("schedule", "show", "nightly")).stdout).toMatch(/last job +\d+ succeeded/);
    expect((await host.cli("schedule", "pause", "nightly")).stdout).toContain("it is paused");
    expect((await host.cli("schedule", "resume", "nightly")).stdout).toContain("; next ");
    expect((await host.cli("schedule", "rm", "nightly")).code).toBe(0);
  });

  test("schedules a runtime with its own flags, and keeps the output format that was asked for", async () => {
    const words = ["--json", "--name", "hello", "--", "submit", "echo", "--text", "hello", "--priority", "3"];
    const { stdout } = await host.cli("schedule", "add", "@daily", ...words);
    expect(JSON.parse(stdout)).toMatchObject({ name: "hello", description: "every day at 00:00" });
    const { scheduled } = await host.client.call("GET /schedules/:schedule", { schedule: "hello" });
    expect(scheduled).toMatchObject({
      verb: "submit",
      submission: { runtime: "echo", params: { text: "hello" }, options: { priority: 3 } },
    });
  });

  test.each([
    { words: ["0 3 * * *"], says: "nothing to submit is named" },
    { words: ["0 3 * * *", "--", "wait", "1"], says: '"wait" cannot be scheduled' },
    { words: ["0 3 * * *", "--", "submit", "echo", "--text", "x", "--wait"], says: "cannot have --wait" },
    { words: ["0 3 * * *", "--", "run", "--array", "0-9", "--", "true"], says: "cannot be an array" },
    { words: ["0 3 * * *", "--missed", "maybe", "--", "run", "--", "true"], says: "missed" },
    { words: ["0 3 32 * *", "--", "run", "--", "true"], says: "32" },
  ])("refuses $words", async ({ words, says }) => {
    const { code, stderr } = await host.cli("schedule", "add", ...words);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(stderr).toContain("try:");
  });

  test("says when a line fires next", async () => {
    const { stdout } = await host.cli("schedule", "next", "*/5 * * * *", "--tz", "UTC", "-n", "2");
    expect(stdout.trim().split("\n")).toHaveLength(3);
  });
});
