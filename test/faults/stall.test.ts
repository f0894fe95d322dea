import { readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Block, probeFlags, readBlocks } from "../../bench/kit/loop-probe.ts";
import type { JobOptions } from "../../src/operations/api.ts";
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

/** Starts daemons whose event loop is watched from outside, too. */
const probe = { NODE_OPTIONS: probeFlags(join(import.meta.dirname, "../..")).join(" ") };

/** While the file "block" lies in the home, each step of the scheduler takes so much of a core, whoever else wants it. */
const computing = (ms: number) => ({
  file: "src/daemon/loop.ts",
  find: "const wasStopping = this.current.stopping;\n    const events",
  replace: `const wasStopping = this.current.stopping;
    const began = process.cpuUsage();
    const spentMs = () => { const { user, system } = process.cpuUsage(began); return (user + system) / 1_000; };
    if (process.getBuiltinModule("node:fs").existsSync(process.env["HOME"] + "/block")) while (spentMs() < ${ms});
    const events`,
});

/** While the file "block" lies in the home, each step of the scheduler takes so long. */
const blocking = (ms: number) => ({
  file: "src/daemon/loop.ts",
  find: "const wasStopping = this.current.stopping;\n    const events",
  replace: `const wasStopping = this.current.stopping;
    const untilMs = performance.now() + ${ms};
    while (process.getBuiltinModule("node:fs").existsSync(process.env["HOME"] + "/block") && performance.now() < untilMs);
    const events`,
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
    using built = await buildOrch([computing(200)]);
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

const arrayOf = (home: OrchHome, jobs: number, options: JobOptions = { hold: true }) =>
  home.client.call("POST /jobs/run-array", {
    ...{ command: ["echo", "{index}"], cwd: home.dir, env: {}, gpus: 1, vramBytes: null },
    ...{ mode: "exclusive" as const, options, array: `1-${jobs}`, sweep: [] },
  });

/** What is much in itself: large bodies, long lists, ends that many wait for. */
async function largeRequests(home: OrchHome): Promise<void> {
  const held = { options: { hold: true } };
  const params = { tag: "x".repeat(3_000) };
  const jobs = Array.from({ length: SUBMITS }, () => ({ runtime: "left", params, ...held }));
  await home.client.call("POST /jobs/batch", { jobs });
  const values = Array.from({ length: ARRAY_JOBS }, (_, index) => `value-${index}`);
  await home.client.call("POST /jobs/array", {
    runtime: "left",
    params: {},
    ...held,
    sweep: [`tag=${values}`],
  });
  const { id } = await command(home, true);
  const { array } = await arrayOf(home, ARRAY_JOBS, { after: [id] });
  await home.client.call("POST /jobs/:job/cancel", { job: id });
  const { total } = await home.client.call("GET /jobs", { array, states: ["cancelled"], limit: 10_000 });
  expect(total).toBeGreaterThanOrEqual(ARRAY_JOBS);
  await home.client.call("GET /history", { limit: 100_000 });
}

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
  await largeRequests(home);
  isOver = true;
  await Promise.all(others);
  return latenciesMs;
}

/** The times in which the loop's own thread had more to do than it may before it turned again. */
const tooLong = (blocks: readonly Block[]): Block[] => blocks.filter(({ cpuMs }) => cpuMs > PROMISED_MS);

describe("the event loop under load", () => {
  it(`is not held for more than ${PROMISED_MS} ms: submits, arrays, switches, lists, logs, cancels [fault 42]`, async () => {
    await using home = createHome(probe);
    addResidents(home);
    const { pid } = await home.daemon();
    using idle = await startChild(join(import.meta.dirname, "idle-program.ts"));
    await idle.nextLine();
    const work = await runDetached(home, "--", "sh", "-c", "while :; do echo line; sleep 0.01; done");
    const follow = home.spawn(["logs", "-f", String(work)]);
    await until("the log is followed", () => follow.stdout().includes("line"));
    await readBlocks({ home: home.dir, pid });
    const latenciesMs = await workHard(home);
    follow.child.kill("SIGKILL");
    const blocks = await readBlocks({ home: home.dir, pid });
    idle.say("how long?");
    const machine = `an idle program beside it waited ${await idle.nextLine()} ms`;
    const p99 = latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)] ?? 0;
    const longest = Math.max(...blocks.map(({ cpuMs }) => cpuMs));
    console.log(
      `longest ${Math.round(longest)} ms of CPU; ${machine}; answers beside it p99 ${Math.round(p99)} ms`,
    );
    expect(blocks.length, "that were seen at all").toBeGreaterThan(0);
    expect(tooLong(blocks)).toEqual([]);
    expect((await home.client.call("GET /jobs", { limit: 100 })).jobs).toHaveLength(100);
  }, 240_000);

  it("is, where a step of 60 ms is planted, and that is found", async () => {
    using built = await buildOrch([computing(PROMISED_MS + 10)]);
    await using home = createOrchHome(built.bin, { ORCH_GPUS: "virtual:1x1GiB", ...probe });
    const { pid } = await home.daemon();
    await command(home, true);
    await readBlocks({ home: home.dir, pid });
    await command(home, true);
    expect(tooLong(await readBlocks({ home: home.dir, pid })), "nothing is planted yet").toEqual([]);
    home.write("block", "");
    await command(home, true);
    expect(tooLong(await readBlocks({ home: home.dir, pid })).length).toBeGreaterThan(0);
  });
});
