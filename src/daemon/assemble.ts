import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import { packageRoot } from "../config/package-root.ts";
import type { Paths } from "../config/paths.ts";
import { createProcessEngine } from "../engine/process.ts";
import type { GpuProbe } from "../gpu/probe.ts";
import { createSampler } from "../gpu/sampler.ts";
import type { Context, Progress } from "../operations/context.ts";
import { createRegistry } from "../runtime/discover.ts";
import type { Report } from "../scheduler/events.ts";
import { type RestoredRows, restore } from "../scheduler/restore.ts";
import type { Clock } from "../std/clock.ts";
import type { Database } from "../store/database.ts";
import { createJournal } from "../store/journal.ts";
import { createQueries } from "../store/queries.ts";
import { readRows } from "../store/rows.ts";
import { createOrchProtocol } from "../worker/protocols/orch.ts";
import { dryLaunch } from "./dry-launch.ts";
import { createEnd } from "./end.ts";
import { createFeed } from "./feed.ts";
import { createHands } from "./hands.ts";
import { createLoop, type Loop } from "./loop.ts";
import { perform } from "./perform.ts";
import { createPlaces } from "./places.ts";
import { createReserve } from "./reserve.ts";
import { workerIdOf } from "./worker-of-pid.ts";
import type { World } from "./world.ts";

export interface Parts {
  readonly paths: Paths;
  readonly config: Config;
  readonly clock: Clock;
  readonly db: Database;
  readonly probe: GpuProbe;
  readonly log: Logger;
  readonly instanceId: string;
}

/** Wires the daemon's parts together; nothing runs yet but what the loop is told. */
export function assemble(parts: Parts) {
  const { paths, config, clock, db, probe, log, instanceId } = parts;
  const queries = createQueries(db);
  const journal = createJournal(db);
  const feed = createFeed();
  const hands = createHands();
  const progress = new Map<number, Progress>();
  const places = createPlaces(paths, (jobId) => queries.job(jobId)?.attempts ?? 0);
  const runtimes = createRegistry(
    paths.runtimeDirs.map(({ origin, path: dir }) => ({ origin, dir })),
    clock,
  );
  const engine = createProcessEngine({ instanceId, clock });
  const reserve = createReserve(path.join(paths.stateDir, "reserve"));
  const policy = {
    cpuSlots: config.cpuSlots,
    quantumFactor: config.quantumFactor,
    vramReserveBytes: config.vramReserve,
  };
  let loop: Loop;
  const state = () => loop.state();
  const sampler = createSampler({
    probe,
    clock,
    onChange: (sample) => loop.report(gpusSeen(sample)),
    isOurs: (pid) => workerIdOf(pid, hands),
    hasWorker: (uuid) => (state().gpus.get(uuid)?.leases.size ?? 0) > 0,
  });
  const noteProgress = (jobId: number, made: Progress | null): void => {
    if (made === null) return void progress.delete(jobId);
    progress.set(jobId, made);
    feed.tell({ type: "progress", jobId, progress: made });
  };
  const world: World = {
    state,
    report: (report) => loop.report(report),
    engine,
    protocol: createOrchProtocol(),
    sampler,
    runtimes,
    queries,
    places,
    hands,
    clock,
    log,
    instanceId,
    cacheDir: paths.cacheDir,
    sdkDir: path.join(packageRoot(), "runtimes", "sdk"),
    baseEnv: baseEnvironment(),
    noteProgress,
  };
  const end = createEnd({ state, log });
  let isResuming = true;
  loop = createLoop({
    clock,
    restore: () => restore(policy, readRows(db) satisfies RestoredRows),
    commit: (changes) => journal.commit(changes),
    committed: (changes, seqs) => {
      feed.tellCommitted(changes, seqs);
      end.look();
    },
    perform: (effect) => perform(world, effect, isResuming),
    lastSeen: () => gpusSeen(sampler.latest()),
    freeSpace: () => reserve.release(),
    crash: (error) => end.crash(error),
  });
  const userName = os.userInfo().username;
  const ctx: Context = {
    ask: (request) => loop.ask(request),
    state,
    queries,
    runtimes,
    feed,
    clock,
    places,
    progressOf: (jobId) => progress.get(jobId) ?? null,
    gpuSample: async (fresh) => (fresh ? sampler.sampleNow({ processes: true }) : sampler.latest()),
    workerOfPid: (pid) => state().workers.get(workerIdOf(pid, hands) ?? -1)?.name ?? null,
    planLaunch: (input) => dryLaunch(world, input),
    async shutDown(mode) {
      await loop.ask({ type: "shut-down", mode });
      end.begin(mode);
    },
    host: {
      pid: process.pid,
      version: readVersion(),
      instance: instanceId,
      startedAtMs: clock.nowMs(),
      probe: probe.kind,
      uid: process.getuid?.() ?? 0,
    },
  };
  end.onSignals(() => void ctx.shutDown("leave").catch(() => end.begin("leave")));
  const resumed = {
    ...loop,
    resume: (effects: Parameters<Loop["resume"]>[0]) => {
      loop.resume(effects);
      isResuming = false;
    },
  };
  return { loop: resumed, sampler, ctx, engine, end: end.reached, userName };
}

function gpusSeen(sample: ReturnType<ReturnType<typeof createSampler>["latest"]>): Report {
  return {
    type: "gpus-seen",
    gpus: sample.gpus.map(({ reading, foreignBytes }) => ({
      uuid: reading.uuid,
      index: reading.index,
      totalBytes: reading.memory.totalBytes,
      foreignBytes,
      healthy: reading.health.ok,
    })),
  };
}

/** What workers of runtimes get of the daemon's environment: enough to find programs and caches, and no secrets. */
function baseEnvironment(): Record<string, string> {
  const names = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_HOME",
    "HF_HOME",
  ];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name] as string]] : [])),
  );
}

function readVersion(): string {
  const text = fs.readFileSync(path.join(packageRoot(), "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
