import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { addResidents } from "../e2e/runtimes.ts";
import { runDetached, submit, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { need } from "../kit/need.ts";
import type { OrchHome, RunningCli } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
/** Over before the daemon goes on, and not before it is stopped. */
const RESIDENT_MS = 2_500;
const LIMIT_S = 15;
const SECONDS = Number(process.env["ORCH_STOP_SECONDS"] || 4);
const library = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
need("libfaketime", library !== undefined);

interface Stop {
  readonly home: OrchHome;
  readonly seconds: number;
  start(): Promise<RunningCli>;
  /** Lets all but a moment of the time pass while the daemon stands still. */
  pass(): Promise<void>;
}

async function start(home: OrchHome, env: Readonly<Record<string, string>> = {}): Promise<RunningCli> {
  const daemon = home.spawn(["daemon"], { env });
  await until("it is ready", () => daemon.stderr().includes("orch is ready"), 20_000);
  return daemon;
}

/** Stops the daemon in the midst of work, lets it go on, and looks at what came of everything. */
async function standStill({ home, seconds, start: startDaemon, pass }: Stop): Promise<void> {
  addResidents(home);
  const { child } = await startDaemon();
  await untilOver(home, await submit(home, "left"));
  const ended = await runDetached(
    home,
    "--",
    "sh",
    "-c",
    "until [ -e go ]; do sleep 0.02; done; echo x >>ended; exit 7",
  );
  const limited = await runDetached(home, "--time", `${Math.min(LIMIT_S, seconds)}s`, "--", "sleep", "600");
  const unlimited = await runDetached(home, "--time", "1h", "--", "sleep", "600");
  const again = await runDetached(home, "--retries", "1", "--", "sh", "-c", "echo x >>tries; exit 7");
  const resident = await submit(home, "left", "--ms", String(RESIDENT_MS), "--tag", "during");
  for (const job of [ended, unlimited, resident]) await untilState(home, job, "running");
  const { workers } = await home.client.call("GET /workers", {});
  await home.client.call("GET /status", {});
  child.kill("SIGSTOP");
  // Asked while it stands still: answered once it goes on.
  const waiting = home.client.call("GET /jobs/:job", { job: ended }, { timeoutMs: 200_000 });
  home.write("go", "");
  await until("the job has ended without it", () => existsSync(join(home.dir, "ended")));
  await pass();
  child.kill("SIGCONT");
  await waiting;
  expect(await untilOver(home, ended)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
  expect(await untilOver(home, limited)).toMatchObject({ state: "failed", exitCode: 124, attempts: 1 });
  expect(await untilOver(home, again)).toMatchObject({ state: "failed", exitCode: 7, attempts: 2 });
  expect(await untilOver(home, resident)).toMatchObject({
    ...{ state: "succeeded", attempts: 1, output: { tag: "during" } },
  });
  expect(readFileSync(join(home.dir, "ended"), "utf8")).toBe("x\n");
  expect(readFileSync(join(home.dir, "tries"), "utf8")).toBe("x\nx\n");
  expect((await untilState(home, unlimited, "running")).attempts).toBe(1);
  const left = (await home.client.call("GET /workers", {})).workers.find(({ runtime }) => runtime === "left");
  const before = workers.find(({ runtime }) => runtime === "left");
  expect(left, "the same worker, under the same lease").toMatchObject({
    ...{ name: before?.name, pid: before?.pid, fence: before?.fence, state: "ready" },
  });
  const log = readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
  const stalls = [...log.matchAll(/"stallMs":(\d+)/g)].map(([, ms]) => Number(ms));
  expect(Math.max(...stalls), "the stall is on record").toBeGreaterThan((seconds - 1) * 1_000);
  expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
}

describe("a daemon that stands still and goes on", () => {
  it(`for ${SECONDS} s (SIGSTOP): each job ran once, workers stay, the stall is known [fault 21]`, {
    timeout: 60_000 + SECONDS * 1_000,
  }, async () => {
    await using home = createHome();
    await standStill({
      ...{ home, seconds: SECONDS },
      start: () => start(home),
      pass: () => sleep(SECONDS * 1_000),
    });
  });

  it.skipIf(library === undefined)(
    "for 60 s, as its clocks tell it: the same (needs libfaketime) [fault 21]",
    async () => {
      await using home = createHome();
      const clock = home.write("clock", "+0");
      const env = { LD_PRELOAD: library ?? "", FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: "1" };
      await standStill({
        ...{ home, seconds: 60 },
        start: () => start(home, env),
        // All of its clocks go on by so much while it is stopped, which is all that a longer stop is to it.
        pass: async () => {
          await sleep(RESIDENT_MS);
          home.write("clock", "+60");
        },
      });
    },
  );
});
