import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ProcessIdentity } from "../../src/engine/engine.ts";
import { isAlive, isRunning, readStat } from "../../src/engine/identity.ts";
import type { EngineFixture } from "../kit/engine-fixture.ts";
import { createEngineFixture } from "../kit/engine-fixture.ts";
import { until } from "../kit/until.ts";

const STUBBORN =
  "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)";
/** Leaves its group and session by a double fork, as daemons do; $1 is what the grandchild runs. */
const DAEMONISE = `
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.execvp(sys.argv[1], sys.argv[1:])
    os._exit(0)
os.wait()
`;

let fixture: EngineFixture;
beforeEach(() => {
  fixture = createEngineFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

function start(argv: readonly string[], env: Record<string, string> = {}): Promise<ProcessIdentity> {
  return fixture.engine.start(fixture.launch(1, argv, env));
}

function stop(identity: ProcessIdentity, graceMs: number) {
  return fixture.engine.ensureStopped(fixture.dirOf(1), identity, graceMs);
}

/** The number that the program printed first, once it has. */
function printedPid(): Promise<number> {
  return until(
    "the program prints a pid",
    () => Number(/^(\d+)\n/m.exec(fixture.logOf(1))?.[1] ?? "") || null,
  );
}

function runs(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== null && isRunning(stat);
}

describe("ensureStopped", () => {
  test("TERM ends an ordinary program, well before the deadline", async () => {
    const identity = await start(["sleep", "60"]);
    const startMs = performance.now();
    expect(await stop(identity, 20_000)).toEqual({ exitCode: 143, detail: "ended by SIGTERM" });
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(isAlive(identity)).toBe(false);
  });

  test("a program's own exit code after TERM counts", async () => {
    const identity = await start(["sh", "-c", "trap 'exit 5' TERM; echo $$; while :; do sleep 0.05; done"]);
    await printedPid();
    expect(await stop(identity, 20_000)).toEqual({ exitCode: 5, detail: null });
  });

  test("one that ignores TERM is killed at the deadline, and the supervisor records it [fault 23]", async () => {
    const identity = await start(["python3", "-c", STUBBORN]);
    await until("it ignores TERM", () => fixture.logOf(1).includes("up"));
    const startMs = performance.now();
    expect(await stop(identity, 300)).toEqual({ exitCode: 137, detail: "ended by SIGKILL" });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(295);
  });

  test("a second call joins the first, and may bring the deadline forward", async () => {
    const identity = await start(["python3", "-c", STUBBORN]);
    await until("it ignores TERM", () => fixture.logOf(1).includes("up"));
    const [patient, hasty] = await Promise.all([stop(identity, 60_000), stop(identity, 100)]);
    expect(patient).toEqual({ exitCode: 137, detail: "ended by SIGKILL" });
    expect(hasty).toEqual(patient);
  });

  test("a stopped program is continued so that it sees its TERM", async () => {
    const identity = await start(["sh", "-c", "echo $$; exec sleep 60"]);
    await printedPid();
    process.kill(-identity.pid, "SIGSTOP");
    await until("the supervisor is stopped", () => readStat(identity.pid)?.state === "T");
    expect((await stop(identity, 20_000)).exitCode).toBe(143);
  });

  test("a stop right after the start has its say however far the start got", async () => {
    for (let workerId = 20; workerId < 40; workerId++) {
      const identity = await fixture.engine.start(fixture.launch(workerId, ["sleep", "60"]));
      const untilMs = performance.now() + (workerId - 20) / 4;
      while (performance.now() < untilMs);
      const exit = await fixture.engine.ensureStopped(fixture.dirOf(workerId), identity, 5_000);
      expect(exit).toEqual({ exitCode: 143, detail: "ended by SIGTERM" });
    }
  });

  test("a descendant in the group that needs its grace gets it", async () => {
    const late = "trap 'sleep 0.2; echo saved; exit 0' TERM; echo $$; while :; do sleep 0.05; done";
    const identity = await start(["sh", "-c", `sh -c '${late.replaceAll("'", "'\\''")}' & wait`]);
    await printedPid();
    await stop(identity, 20_000);
    expect(fixture.logOf(1)).toContain("saved");
  });

  test("a daemonised descendant is stopped too, though it left group and session and ignores TERM [fault 24]", async () => {
    const parent = `${DAEMONISE}\ntime.sleep(60)`;
    const identity = await start(["python3", "-c", parent, "python3", "-c", STUBBORN]);
    const pid = await printedPid();
    await until("the descendant ignores TERM", () => fixture.logOf(1).includes("up"));
    expect(readStat(pid)?.sessionId).not.toBe(identity.pid);
    await stop(identity, 200);
    expect(runs(pid)).toBe(false);
  });
});

describe("what a program leaves behind", () => {
  test("is gone when its end is told: a daemonised descendant [fault 24]", async () => {
    const identity = await start(["python3", "-c", DAEMONISE, "sleep", "60"]);
    const exit = await fixture.engine.exited(fixture.dirOf(1), identity);
    expect(exit.exitCode).toBe(0);
    expect(runs(await printedPid())).toBe(false);
  });

  test("is gone when its end is told: a background process without the labels", async () => {
    const identity = await start(["sh", "-c", "env -i /bin/sleep 60 & echo $!"]);
    await fixture.engine.exited(fixture.dirOf(1), identity);
    expect(runs(await printedPid())).toBe(false);
  });

  test("a killed supervisor: the program is killed, and nobody can tell its code, now or later", async () => {
    const identity = await start(["sh", "-c", "echo $$; exec sleep 60"]);
    const pid = await printedPid();
    process.kill(identity.pid, "SIGKILL");
    const exit = await fixture.engine.exited(fixture.dirOf(1), identity);
    expect(exit.exitCode).toBeNull();
    expect(runs(pid)).toBe(false);
    expect(await fixture.restart().exited(fixture.dirOf(1), identity)).toEqual(exit);
  });
});

test("other workers of the same engine are left alone", async () => {
  const identity = await start(["sleep", "60"]);
  const other = await fixture.engine.start(fixture.launch(11, ["sleep", "60"]));
  await stop(identity, 1_000);
  expect(isAlive(other)).toBe(true);
});
