import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents } from "./runtimes.ts";
import { query, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

/** Two resident runtimes whose workers are asked every second. */
function addWatched(home: OrchHome, more = ""): void {
  addResidents(home);
  const file = path.join(home.dir, "runtimes/left/runtime.yaml");
  home.write("runtimes/left/runtime.yaml", `${fs.readFileSync(file, "utf8")}checkEvery: 1s\n${more}`);
}

/** The process that has the worker's socket, not its supervisor. */
function pythonOf(home: OrchHome): number {
  const pids = home
    .programs()
    .filter((pid) => fs.readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("python"));
  expect(pids).toHaveLength(1);
  return pids[0] ?? 0;
}

const eventsOf = (home: OrchHome, type: string): string[] =>
  query<{ text: string }>(home, "SELECT text FROM events WHERE type = ? ORDER BY seq", type).map(
    ({ text }) => text,
  );

describe("a ready worker", () => {
  it("[fault 25] that is stopped under a job is noticed, ended, and its job runs on another", async () => {
    await using home = createHome();
    addWatched(home);
    await home.daemon();
    const job = await submit(home, "left", "--ms", "1500");
    await untilState(home, job, "running");
    process.kill(pythonOf(home), "SIGSTOP");
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", attempts: 2 });
    expect(eventsOf(home, "worker-failed")[0]).toMatch(
      "it failed 3 health checks in a row: its program is stopped",
    );
  });

  it("[fault 25] that is stopped while it has nothing to do is noticed, too, also by the next daemon", async () => {
    await using home = createHome();
    addWatched(home);
    const daemon = await home.daemon();
    await untilOver(home, await submit(home, "left"));
    process.kill(pythonOf(home), "SIGSTOP");
    await daemon.kill();
    await home.daemon();
    await until("it is given up", () => eventsOf(home, "worker-failed")[0], 15_000);
    expect((await untilOver(home, await submit(home, "left"))).state).toBe("succeeded");
  });

  it("that answers nobody while it computes is left alone: its processor time says that it lives", async () => {
    await using home = createHome();
    home.write("runtimes/single/service.py", fs.readFileSync("test/fixtures/workers/service.py", "utf8"));
    home.write(
      "runtimes/single/runtime.yaml",
      `name: single
protocol: http
command: [python3, service.py, ok, "{port}"]
gpu: { count: 0 }
checkEvery: 1s
server: { ready: /up, request: { path: /run, body: { ms: 9000, spin: true } } }
`,
    );
    await home.daemon();
    const job = await submit(home, "single");
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", attempts: 1 });
    expect(eventsOf(home, "worker-failed")).toEqual([]);
  });
});

describe("a warm-up", () => {
  it("is run before the worker counts as ready, and nobody sees its output", async () => {
    await using home = createHome();
    addWatched(home, "warmUp: { ms: 400, tag: warm }\n");
    await home.daemon();
    const job = await submit(home, "left", "--tag", "first");
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", output: { tag: "first" } });
    const [worker] = query<{ ready_at: number; created_at: number }>(home, "SELECT * FROM workers");
    expect((worker?.ready_at ?? 0) - (worker?.created_at ?? 0)).toBeGreaterThanOrEqual(400);
    expect(fs.readdirSync(home.dir, { recursive: true })).not.toContainEqual(
      expect.stringContaining("warm-up"),
    );
  });

  it("that fails makes the start fail, with its message", async () => {
    await using home = createHome();
    addWatched(home, "warmUp: { deadly: true }\n");
    await home.daemon();
    const job = await submit(home, "left");
    const end = await untilOver(home, job);
    expect(end).toMatchObject({ state: "failed", reason: { code: "start-failed" } });
  });

  it("that takes longer than the start may is given up", async () => {
    await using home = createHome();
    addWatched(home, "warmUp: { ms: 60000 }\n");
    const file = path.join(home.dir, "runtimes/left/runtime.yaml");
    home.write(
      "runtimes/left/runtime.yaml",
      fs.readFileSync(file, "utf8").replace("ready: 20s", "ready: 2s"),
    );
    await home.daemon();
    await submit(home, "left");
    const text = await until("the start fails", () => eventsOf(home, "worker-failed")[0], 15_000);
    expect(text).toMatch("its warm-up job failed");
  });
});
