import { readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { addResidents } from "../e2e/runtimes.ts";
import { runDetached, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { buildOrch } from "../kit/built-orch.ts";
import { startChild } from "../kit/child.ts";
import { createOrchHome, type OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const PROMISED_MS = 50;
const SUBMITS = Number(process.env["ORCH_STALL_SUBMITS"] || 3_000);
const ARRAY_JOBS = 2 * SUBMITS;

/** While the file "block" lies in the home, each step of the scheduler takes so long. */
const blocking = (ms: number) => ({
  file: "src/daemon/loop.ts",
  find: "const wasStopping = this.current.stopping;\n    const planned",
  replace: `const wasStopping = this.current.stopping;
    const untilMs = performance.now() + ${ms};
    while (process.getBuiltinModule("node:fs").existsSync(process.env["HOME"] + "/block") && performance.now() < untilMs);
    const planned`,
});

interface Stall {
  readonly time: number;
  readonly stallMs: number;
  readonly cpuMs: number;
  readonly what: string;
}

const stallsOf = (home: OrchHome): Stall[] =>
  readFileSync(join(home.dir, "state", "daemon.log"), "utf8")
    .split("\n")
    .filter((line) => line.includes("the event loop stood still"))
    .map((line) => JSON.parse(line) as Stall);

const longestStallMs = async (home: OrchHome): Promise<number> =>
  (await home.client.call("GET /status", {})).longestStallMs;

const command = (home: OrchHome, hold: boolean) =>
  home.client.call("POST /jobs/run", {
    ...{ command: ["true"], cwd: home.dir, env: {}, gpus: 0, vramBytes: null, mode: "exclusive" as const },
    options: { hold },
  });

describe("an event loop that is blocked", () => {
  it("for 200 ms is seen, with what was being done", async () => {
    using built = await buildOrch([blocking(200)]);
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB" });
    await home.daemon();
    await longestStallMs(home);
    home.write("block", "");
    await command(home, true);
    expect(await longestStallMs(home)).toBeGreaterThanOrEqual(150);
    const [stall] = stallsOf(home).filter(({ what }) => what === "a step: submit");
    expect(stall?.cpuMs, "as the test below would find").toBeGreaterThan(PROMISED_MS);
  });

  it("for 5 s loses nothing when the daemon is killed and started anew; jobs run on [fault 22]", async () => {
    using built = await buildOrch([blocking(5_000)]);
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB" });
    const first = await home.daemon();
    const kept = await runDetached(home, "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; exit 7");
    await untilState(home, kept, "running");
    home.write("block", "");
    const unanswered = command(home, true).catch(() => null);
    const ping = await Promise.race([sleep(500, "late"), sleep(100).then(() => longestStallMs(home))]);
    expect(ping, "a watchdog gets no answer").toBe("late");
    await first.kill();
    await unanswered;
    rmSync(join(home.dir, "block"));
    await home.daemon();
    home.write("go", "");
    expect(await untilOver(home, kept)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
  });
});

/** Submits held commands over 16 connections that stay open. */
async function submitMany(home: OrchHome, count: number, note: (id: number) => void): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const body = JSON.stringify({
    ...{ command: ["true"], cwd: home.dir, env: {}, gpus: 0, vramBytes: null, mode: "exclusive" },
    options: { hold: true },
  });
  const submitOne = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { agent, socketPath: home.socket, method: "POST", path: "/api/v1/jobs/run" };
      const asked = request(options, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          note((JSON.parse(text) as { id: number }).id);
          resolve();
        });
      });
      asked.on("error", reject);
      asked.end(body);
    });
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let number = 0; number < count / 16; number++) await submitOne();
    }),
  );
  agent.destroy();
}

const arrayOf = (home: OrchHome, jobs: number) =>
  home.client.call("POST /jobs/run-array", {
    ...{ command: ["echo", "{index}"], cwd: home.dir, env: {}, gpus: 1, vramBytes: null },
    ...{ mode: "exclusive" as const, options: { hold: true }, array: `1-${jobs}`, sweep: [] },
  });

/** Everything at once. Gives how long each answer beside the submits took, in milliseconds. */
async function workHard(home: OrchHome): Promise<number[]> {
  const latenciesMs: number[] = [];
  let isOver = false;
  let last = 0;
  const beside = async (act: () => Promise<unknown>): Promise<void> => {
    while (!isOver) {
      const startMs = performance.now();
      await act();
      latenciesMs.push(performance.now() - startMs);
      await sleep(20);
    }
  };
  const cancel = () => home.client.call("POST /jobs/:job/cancel", { job: last }).catch(() => null);
  const alternate = () => {
    const runtime = latenciesMs.length % 2 ? "left" : "right";
    return home.client.call("POST /jobs", { runtime, params: { ms: 5 } });
  };
  const others = [
    beside(() => home.client.call("GET /jobs", { limit: 50 })),
    beside(() => home.client.call("GET /gpus", {})),
    beside(async () => (last === 0 ? null : await cancel())),
    beside(alternate),
  ];
  await submitMany(home, SUBMITS, (id) => {
    last = id;
  });
  const { array } = await arrayOf(home, ARRAY_JOBS);
  await home.client.call("POST /arrays/:array/cancel", { array });
  isOver = true;
  await Promise.all(others);
  return latenciesMs;
}

/** One daemon under load. Gives the stalls during which it had more to do itself than it may. */
async function round(home: OrchHome): Promise<Stall[]> {
  addResidents(home);
  await home.daemon();
  using idle = await startChild(join(import.meta.dirname, "idle-program.ts"));
  await idle.nextLine();
  const work = await runDetached(home, "--", "sh", "-c", "while :; do echo line; sleep 0.01; done");
  const follow = home.spawn(["logs", "-f", String(work)]);
  await until("the log is followed", () => follow.stdout().includes("line"));
  // What is called for the first time is compiled first; that is not what is measured.
  await submitMany(home, 160, () => {});
  await arrayOf(home, 1_000);
  await longestStallMs(home);
  const sinceMs = Date.now();
  const latenciesMs = await workHard(home);
  follow.child.kill("SIGKILL");
  const stallMs = await longestStallMs(home);
  idle.say("how long?");
  const machine = `of an idle program beside it ${await idle.nextLine()} ms`;
  const p99 = latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)] ?? 0;
  console.log(`longest stall ${stallMs} ms, ${machine}; answers beside it p99 ${Math.round(p99)} ms`);
  expect((await home.client.call("GET /jobs", { limit: 100 })).jobs).toHaveLength(100);
  return stallsOf(home).filter(({ time, cpuMs }) => time > sinceMs && cpuMs > PROMISED_MS);
}

describe("the event loop under load", () => {
  it(`is not held for more than ${PROMISED_MS} ms: submits, arrays, switches, lists, logs, cancels [fault 42]`, async () => {
    // The best of three: a machine that is busy with others stretches everything, but not always.
    let own: Stall[] = [];
    for (let tries = 0; tries < 3; tries++) {
      await using home = createHome();
      own = await round(home);
      if (own.length === 0) break;
    }
    expect(own).toEqual([]);
  }, 240_000);
});
