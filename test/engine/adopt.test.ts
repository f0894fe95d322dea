import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readPidRecord } from "../../src/engine/control-folder.ts";
import type { Launch, ProcessIdentity } from "../../src/engine/engine.ts";
import { isAlive, readStat } from "../../src/engine/identity.ts";
import type { Child } from "../../src/engine/posix-spawn.ts";
import { startSupervised } from "../../src/engine/supervise.ts";
import { bundle } from "../kit/bundle.ts";
import type { EngineFixture } from "../kit/engine-fixture.ts";
import { createEngineFixture } from "../kit/engine-fixture.ts";
import { until } from "../kit/until.ts";

let starter: string;
beforeAll(async () => {
  starter = await bundle(join(import.meta.dirname, "start-program.ts"));
});
afterAll(() => rmSync(dirname(starter), { recursive: true }));

let fixture: EngineFixture;
beforeEach(() => {
  fixture = createEngineFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

/** Starts a program from a process that is then killed with SIGKILL, as a daemon may be. */
async function startFromDaemonThatDies(launch: Launch): Promise<ProcessIdentity> {
  const daemon = spawn(
    process.execPath,
    [starter, JSON.stringify({ launch, instanceId: fixture.instanceId })],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  const line = await new Promise<string>((resolve) =>
    daemon.stdout.once("data", (data) => resolve(String(data))),
  );
  daemon.kill("SIGKILL");
  await ended;
  // Before that the supervisor may still be on its way to its folder.
  await until("the supervisor has its folder", () => readPidRecord(launch.dir) !== null);
  return JSON.parse(line) as ProcessIdentity;
}

const UNTIL_TOLD = "while [ ! -e go ]; do sleep 0.02; done; echo late; exit 9";

describe("after the daemon was killed", () => {
  test("the program runs on, is adopted, and its end is seen", async () => {
    const identity = await startFromDaemonThatDies(fixture.launch(1, ["sh", "-c", UNTIL_TOLD]));
    expect(await fixture.engine.inspect(fixture.dirOf(1), 1)).toEqual({ kind: "running", identity });
    const exited = fixture.engine.exited(fixture.dirOf(1), identity);
    writeFileSync(join(fixture.root, "go"), "");
    expect(await exited).toEqual({ exitCode: 9, detail: null });
    expect(fixture.logOf(1)).toBe("late\n");
  });

  test("an exit while nobody watches is known [fault 5]", async () => {
    const identity = await startFromDaemonThatDies(fixture.launch(1, ["sh", "-c", UNTIL_TOLD]));
    writeFileSync(join(fixture.root, "go"), "");
    await until("the program ended", () => !isAlive(identity));
    const exit = { exitCode: 9, detail: null };
    expect(await fixture.engine.inspect(fixture.dirOf(1), 1)).toEqual({ kind: "exited", exit });
    expect(await fixture.engine.exited(fixture.dirOf(1), identity)).toEqual(exit);
  });

  test("an adopted program can be stopped", async () => {
    const identity = await startFromDaemonThatDies(fixture.launch(1, ["sleep", "60"]));
    expect((await fixture.engine.ensureStopped(fixture.dirOf(1), identity, 5_000)).exitCode).toBe(143);
    expect(isAlive(identity)).toBe(false);
  });

  test("a supervisor killed while nobody watches: the rest is killed, the code is unknown", async () => {
    const identity = await startFromDaemonThatDies(fixture.launch(1, ["sleep", "60"]));
    process.kill(identity.pid, "SIGKILL");
    await until("the supervisor is gone", () => !isAlive(identity));
    expect(await fixture.engine.inspect(fixture.dirOf(1), 1)).toMatchObject({
      kind: "exited",
      exit: { exitCode: null },
    });
    expect(await fixture.engine.labelled(fixture.instanceId)).toEqual([]);
  });
});

describe("inspect", () => {
  test("a worker that never started never will", async () => {
    const launch = fixture.launch(1, ["touch", "started"]);
    expect(await fixture.engine.inspect(launch.dir, 1)).toEqual({ kind: "never-started" });
    expect(await fixture.engine.inspect(launch.dir, 1)).toEqual({ kind: "never-started" });
    await expect(fixture.engine.start(launch)).rejects.toMatchObject({ code: "engine/failed" });
  });

  test("a supervisor that comes late finds its folder revoked and runs nothing", async () => {
    const { workerId, child } = await startAndHoldBack();
    expect(await fixture.engine.inspect(fixture.dirOf(workerId), workerId)).toEqual({
      kind: "never-started",
    });
    child.kill("SIGCONT");
    const code = await new Promise((resolve) => child.once("exit", resolve));
    expect(code).toBe(125);
    expect(existsSync(join(fixture.root, "started"))).toBe(false);
  });

  test("exactly one of supervisor and revocation wins, whoever is first", async () => {
    for (let workerId = 0; workerId < 40; workerId++) {
      const launch = fixture.launch(workerId, ["touch", join(fixture.root, `ran-${workerId}`)]);
      const { child } = await startSupervised(launch, fixture.instanceId);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // From 0 to some milliseconds later: before, while and after the supervisor takes its folder.
      const untilMs = performance.now() + workerId / 8;
      while (performance.now() < untilMs);
      const remains = await fixture.engine.inspect(launch.dir, workerId);
      await ended;
      const hasRun = existsSync(join(fixture.root, `ran-${workerId}`));
      expect(hasRun, `worker ${workerId}: ${remains.kind}`).toBe(remains.kind !== "never-started");
    }
  });

  test("a pid that belongs to another process by now is not taken for the worker [fault 18]", async () => {
    const stranger = spawn("sleep", ["60"], { detached: true });
    mkdirSync(fixture.dirOf(1));
    writeFileSync(join(fixture.dirOf(1), "pid"), `${stranger.pid} 1\n`);
    expect(await fixture.engine.inspect(fixture.dirOf(1), 1)).toMatchObject({
      kind: "exited",
      exit: { exitCode: null },
    });
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill();
  });

  test("an exit line without its end does not count as written", async () => {
    const identity = await fixture.engine.start(fixture.launch(1, ["sh", "-c", "echo up; exec sleep 60"]));
    await until("the program runs", () => fixture.logOf(1) !== "");
    writeFileSync(join(fixture.dirOf(1), "exit"), "exit 1");
    expect(await fixture.restart().inspect(fixture.dirOf(1), 1)).toEqual({ kind: "running", identity });
  });
});

describe("a reused pid", () => {
  test("is never signalled [fault 18]", async () => {
    const stranger = await fixture.engine.start(fixture.launch(2, ["sleep", "60"]));
    mkdirSync(fixture.dirOf(1));
    writeFileSync(join(fixture.dirOf(1), "pid"), `${stranger.pid} 1\n`);
    const old = { ...stranger, startTicks: stranger.startTicks - 1 };
    expect((await fixture.engine.ensureStopped(fixture.dirOf(1), old, 10)).exitCode).toBeNull();
    await fixture.engine.kill(old);
    await fixture.engine.kill({ ...stranger, bootId: "another boot" });
    expect(isAlive(stranger)).toBe(true);
    expect(isAlive(old)).toBe(false);
  });
});

describe("labelled", () => {
  test("finds each running worker of the instance once, and kill ends all of it", async () => {
    const first = await fixture.engine.start(fixture.launch(1, ["sh", "-c", "sleep 60 & sleep 60"]));
    const launch = fixture.launch(2, ["sleep", "60"]);
    const second = await fixture.engine.start(launch);
    // The kernel shows a program's environment a moment after its start.
    await until("its supervisor runs", () => existsSync(join(launch.dir, "pid")));
    const found = await fixture.restart().labelled(fixture.instanceId);
    expect(found.toSorted((a, b) => a.workerId - b.workerId)).toEqual([
      { workerId: 1, identity: first },
      { workerId: 2, identity: second },
    ]);
    expect(await fixture.engine.labelled("another instance")).toEqual([]);
    await fixture.engine.kill(first);
    expect(await fixture.engine.labelled(fixture.instanceId)).toEqual([{ workerId: 2, identity: second }]);
    expect(processesWith("ORCH_WORKER=1\0", `ORCH_INSTANCE=${fixture.instanceId}\0`)).toEqual([]);
  });
});

/** A supervisor that was stopped before it took its folder; tried until the stop came early enough. */
async function startAndHoldBack(): Promise<{ workerId: number; child: Child }> {
  for (let workerId = 100; workerId < 200; workerId++) {
    const launch = fixture.launch(workerId, ["touch", join(fixture.root, "started")]);
    const { child, identity } = await startSupervised(launch, fixture.instanceId);
    child.kill("SIGSTOP");
    await until("it is stopped or has ended", () => /^[TZX]$/.test(readStat(identity.pid)?.state ?? "X"));
    if (!existsSync(join(launch.dir, "pid"))) return { workerId, child };
    child.kill("SIGCONT");
    await until("it has ended", () => !isAlive(identity));
    rmSync(join(fixture.root, "started"), { force: true });
  }
  throw new Error("the supervisor was always faster");
}

function processesWith(...words: readonly string[]): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      const environment = `${readFileSync(`/proc/${name}/environ`, "utf8")}\0`;
      return words.every((word) => environment.includes(word));
    } catch {
      return false;
    }
  });
}
