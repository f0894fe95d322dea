import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LogLine } from "../../src/protocol/log-views.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { until } from "../kit/until.ts";
import { addRuntime } from "./runtimes.ts";
import { runDetached, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const LINES = 1_000_000;

/** Prints the numbers up to a million in ten bursts. */
const WRITER = `for burst in 0 1 2 3 4 5 6 7 8 9; do
  seq $((burst * 100000 + 1)) $(((burst + 1) * 100000)); sleep 0.3
done`;

/** The first line that is not its own number; null when all are there, once, and in order. */
function firstFlaw(text: string): string | null {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length !== LINES) return `${lines.length} lines`;
  const at = lines.findIndex((line, index) => line !== String(index + 1));
  return at === -1 ? null : `line ${at + 1} is "${lines[at]}"`;
}

describe("a log that is rotated while it is written and followed, and the daemon is killed", () => {
  it("loses no line and doubles none, and gives its disk space back", async () => {
    await using home = createHome({ ORCH_LOG_MAX_BYTES: "256KiB", ORCH_LOG_KEEP_PARTS: "1000" });
    const first = await home.daemon();
    const job = await runDetached(home, "--", "sh", "-c", WRITER);
    const { logPath } = await untilState(home, job, "running");
    const follower = home.spawn(["logs", "-f", String(job)]);
    const matching = home.spawn(["logs", "-f", "--grep", "00000$", String(job)]);
    const parts = (): string[] => readdirSync(dirname(logPath)).filter((name) => name.endsWith(".gz"));
    await until("it is rotated", () => parts().length >= 2, 30_000);
    await until("both read it", () => follower.stdout() !== "" && matching.stdout() !== "", 30_000);
    await first.kill();
    await home.daemon();
    expect((await untilOver(home, job)).state).toBe("succeeded");
    expect(firstFlaw((await follower.ended).stdout)).toBeNull();
    const hundreds = await matching.ended;
    expect([hundreds.code, hundreds.stdout.split("\n").length], hundreds.stderr).toEqual([0, 11]);
    expect(firstFlaw((await home.orch(["logs", String(job)])).stdout), "read again").toBeNull();
    expect((await home.orch(["logs", "-n", "40000", String(job)])).stdout.split("\n")[0]).toBe("960001");
    expect(statSync(logPath).size).toBe(6_888_896);
    await until("what is packed away is a hole", () => statSync(logPath).blocks * 512 < 1_000_000, 30_000);
    expect(parts().length).toBeGreaterThan(5);
  });

  it("is counted in orch status", async () => {
    await using home = createHome();
    await home.daemon();
    await untilState(
      home,
      await runDetached(home, "--", "sh", "-c", "seq 200000; exec sleep 1000"),
      "running",
    );
    const { limitBytes } = await until("it is counted", async () => {
      const { logs } = await home.client.call("GET /status", {});
      return logs.liveBytes > 1_200_000 ? logs : null;
    });
    expect(limitBytes).toBe(20 * 2 ** 30);
    expect((await home.orch(["status"])).stdout).toMatch(/^logs +1\.\d+ MiB being written/m);
  });

  it("a missing or doubled line would be found", () => {
    const numbers = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`);
    expect(firstFlaw(numbers.join(""))).toBeNull();
    expect(firstFlaw(numbers.toSpliced(500, 1).join(""))).toBe("999999 lines");
    expect(firstFlaw(numbers.toSpliced(500, 1, "500\n").join(""))).toBe('line 501 is "500"');
  });
});

const LOGGER = `
import os, time
from orch_sdk import serve

class Handler:
    def run(self, params, ctx):
        print("worker says " + ctx.correlation)
        ctx.log("correlation " + ctx.correlation)
        for step in range(params.get("lines", 0)):
            ctx.log(f"{step} " + "x" * 900)
        ctx.progress(0.5, "waiting")
        while not os.path.exists(params["go"]):
            time.sleep(0.02)
        ctx.log("after")
        return "done"

serve(Handler())
`;

function addLogger(home: OrchHome): void {
  addRuntime(home, "logger", ["python3", "handler.py"], {
    params: "params:\n  go: { type: string, required: true }\n  lines: { type: integer, default: 0 }\n",
  });
  home.write("runtimes/logger/handler.py", LOGGER);
}

async function linesOf(home: OrchHome, ...args: string[]): Promise<LogLine[]> {
  const { stdout, code, stderr } = await home.orch(["logs", "--jsonl", ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LogLine);
}

describe("one correlation id", () => {
  it("goes from the submission to the worker, the program, the logs and the events", async () => {
    await using home = createHome();
    addLogger(home);
    await home.daemon();
    home.write("go", "");
    const own = await submit(home, "logger", "--go", join(home.dir, "go"), "--correlation", "nightly/7");
    const script = "echo $ORCH_CORRELATION";
    const env = { ORCH_CORRELATION: "nightly/7" };
    const child = Number((await home.orch(["run", "-q", "-d", "--", "sh", "-c", script], { env })).stdout);
    const other = await runDetached(home, "--", "sh", "-c", `${script}; exit 3`);
    for (const job of [own, child, other]) await untilOver(home, job);

    const lines = await linesOf(home, "--correlation", "nightly/7");
    expect(lines.map(({ job, correlation, text }) => [job, correlation, text])).toEqual([
      [own, "nightly/7", "correlation nightly/7"],
      [own, "nightly/7", "after"],
      [child, "nightly/7", "nightly/7"],
    ]);
    const [worker] = await linesOf(home, "logger-1", "--grep", "^worker");
    expect(worker).toMatchObject({ source: "worker", worker: "logger-1", text: "worker says nightly/7" });

    const view = await home.client.call("GET /jobs/:job", { job: other });
    expect(view.correlation).toMatch(/^[0-9a-f]{8}-\d+$/);
    expect((await home.orch(["logs", String(other)])).stdout).toBe(`${view.correlation}\n`);
    expect(view.timeline.every((event) => event.correlation === view.correlation)).toBe(true);
    const again = await home.client.call("POST /jobs/:job/retry", { job: other });
    expect(again.correlation, "a retry belongs to what it repeats").toBe(view.correlation);
    await untilOver(home, again.id);
    const both = await linesOf(home, "--correlation", view.correlation);
    expect(both.map(({ job }) => job)).toEqual([other, again.id]);
    const unknown = await home.orch(["logs", "--correlation", "nobody"]);
    expect(unknown).toMatchObject({ code: 5, stdout: "" });
  });
});

describe("a full disk", () => {
  it("costs lines, which is said where they are missing, and no job [fault 8]", async ({ skip }) => {
    using disk = mountSmallDisk(1);
    if (disk === null) return skip("no tmpfs can be mounted here");
    await using home = createHome();
    // The jobs' folder lies on the small disk, the database does not.
    mkdirSync(join(home.dir, "state"), { mode: 0o700 });
    symlinkSync(disk.path, join(home.dir, "state", "jobs"));
    addLogger(home);
    await home.daemon();
    const go = join(home.dir, "go");
    const job = await submit(home, "logger", "--go", go, "--lines", "3000");
    await until("it has said all", async () => {
      const { progress } = await home.client.call("GET /jobs/:job", { job });
      return progress?.text === "waiting";
    });
    const writer = await runDetached(home, "--", "sh", "-c", "seq 1 1000000; exit 0");
    expect((await untilOver(home, writer)).state, "its own exit code counts").toBe("succeeded");
    // What the other program wrote is removed, so there is room again.
    const { logPath } = await home.client.call("GET /jobs/:job", { job: writer });
    writeFileSync(logPath, "");
    home.write("go", "");
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", output: "done", attempts: 1 });
    const text = (await home.orch(["logs", String(job)])).stdout;
    expect(text.slice(-200)).toMatch(/\n\[\.\.\. \d+ lines lost: no space left\]\nafter\n$/);
    const kept = text.match(/^\d+ x{900}$/gm)?.length ?? 0;
    const lost = Number(/\.\.\. (\d+) lines lost/.exec(text)?.[1]);
    expect(kept + lost).toBe(3000);
    expect(
      readFileSync(join(home.dir, "state", "daemon.log"), "utf8").match(/could not be written/g),
    ).toHaveLength(1);
  });
});
