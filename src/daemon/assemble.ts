import os from "node:os";
import path from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";
import type { Cgroups } from "../engine/cgroup.ts";
import { createContainerEngine } from "../engine/container/container.ts";
import { createProcessEngine } from "../engine/process.ts";
import { createFreezer } from "../gpu/freeze/freezer.ts";
import type { GpuProbe } from "../gpu/probe.ts";
import type { GpuSample } from "../gpu/sample.ts";
import { createSampler, type Sampler } from "../gpu/sampler.ts";
import type { Context } from "../operations/context.ts";
import { createRegistry } from "../runtime/discover.ts";
import type { Report } from "../scheduler/events.ts";
import type { Policy, State } from "../scheduler/model.ts";
import { reservedAccounts } from "../scheduler/reserved.ts";
import { restore } from "../scheduler/restore.ts";
import type { Clock } from "../std/clock.ts";
import { builtProgram, packageRoot } from "../std/package-root.ts";
import { createRng } from "../std/rng.ts";
import type { Database } from "../store/database.ts";
import { createJournal } from "../store/journal.ts";
import { createQueries } from "../store/queries.ts";
import { readRows } from "../store/rows.ts";
import { openContainers } from "./containers/containers.ts";
import { createContext } from "./create-context.ts";
import { createEnd, type End } from "./end.ts";
import { createFeed, type NoticeFeed } from "./feed.ts";
import { fireSchedule } from "./fire-schedule.ts";
import { createEnergyMeter, type EnergyMeter } from "./gpus/energy-meter.ts";
import { gpusSeen } from "./gpus/gpus-seen.ts";
import { createMeasurer } from "./gpus/measure.ts";
import { watchHostMemory } from "./gpus/memory-trouble.ts";
import { createHistoryRecorder } from "./gpus/record-history.ts";
import { createSharedGpus } from "./gpus/share-gpus.ts";
import { workerIdOf } from "./gpus/worker-of-pid.ts";
import { createHands } from "./hands.ts";
import { createProgressBoard } from "./jobs/progress-board.ts";
import { keepLogs } from "./logs/keep-logs.ts";
import { createSecretBook } from "./logs/secret-book.ts";
import { createLoop } from "./loop.ts";
import type { Loop, LoopOptions } from "./loop-options.ts";
import type { LoopWatch } from "./loop-watch.ts";
import { createMeters } from "./metrics/meters.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { openMetrics } from "./metrics/open-metrics.ts";
import { timeJournal, timeTurns } from "./metrics/time-store.ts";
import { openOutside } from "./outside.ts";
import { perform } from "./perform.ts";
import { createPlaces } from "./places.ts";
import { createPredictor } from "./predict.ts";
import { createDesk, type Desk } from "./requests/desk.ts";
import { createReserve, type Reserve } from "./reserve.ts";
import { removeLeftovers } from "./tidy-up.ts";
import { createUnixGroups } from "./users/unix-groups.ts";
import type { Users } from "./users/users.ts";
import { createProtocols } from "./workers/protocols.ts";
import type { World } from "./world.ts";

export interface Parts {
  readonly paths: Paths;
  readonly config: Config;
  readonly clock: Clock;
  readonly db: Database;
  /** The same database for reading. */
  readonly reader: Database;
  readonly watch: LoopWatch;
  readonly health: Context["health"];
  readonly walBytes: () => number;
  readonly keys: Context["keys"];
  readonly tasks: Context["tasks"];
  readonly probe: GpuProbe;
  readonly log: Logger;
  readonly instanceId: string;
  /** Null = one user is served. */
  readonly users: Users | null;
  /** Null = none can be made here. */
  readonly cgroups: Cgroups | null;
}

/** Wires the daemon's parts together; nothing runs yet but what the loop is told. */
export function assemble(parts: Parts) {
  const { paths, config, clock, db, probe, log } = parts;
  const queries = createQueries(parts.reader);
  const feed = createFeed();
  const hands = createHands();
  const reserve = createReserve(path.join(paths.stateDir, "reserve"));
  const state = (): State => loop.state();
  const report = (news: Report): void => loop.report(news);
  const sampler = openSampler(parts, {
    ...{ state, report, world: () => world },
    onSample(sample) {
      energy.note(sample);
      metrics.noteSample(sample);
      parts.watch.run("the GPU history", () => history.note(sample));
    },
  });
  const measure = createMeasurer(sampler, { probeKind: probe.kind, clock });
  const progress = createProgressBoard(feed);
  const energy = createEnergyMeter(state);
  const world = createWorld(parts, {
    ...{ state, report, sampler, queries, hands, measure },
    ...{ noteProgress: progress.note, noteWritten: progress.noteWritten, requests: () => desk },
  });
  const desk = createDesk({
    ctx: () => ctx,
    world: () => world,
    maxWaiting: config.gateway?.maxWaiting ?? 1,
  });
  const end = createEnd({ state, log });
  const meters = createMeters();
  const journal = timeJournal(createJournal(db, energy.of), meters, clock);
  const history = createHistoryRecorder({
    ...{ db, journal, reserve, state, config, log, crash: end.crash },
    isSlow: probe.kind === "nvidia-smi",
  });
  const loop: Loop = createLoop({
    clock,
    restore: () => restore(policyOf(config), readRows(db)),
    journal,
    watch: timeTurns(parts.watch.run, meters, clock),
    ...afterSteps({ progress, energy, feed, desk, metrics: () => metrics, world, reserve, end }),
    perform: (effect, inherited) => perform(world, effect, inherited),
    fire: (fire) => void fireSchedule(ctx, log, fire),
    lastSeen: () => gpusSeen(sampler.latest()),
    freeSpace: () => reserve.release(),
    crash: (error) => end.crash(error),
  });
  const metrics = openMetrics(parts, meters, world);
  const outside = openOutside({ ...parts, users: parts.users, ctx: () => ctx, world, crash: end.crash });
  const ctx = createContext({
    ...{ world, loop, feed, end, metrics: metrics.text, ...outside.forOperations },
    ...{ progressOf: progress.of, writtenOf: progress.writtenOf, tasks: parts.tasks },
    ...{ probeKind: probe.kind, health: parts.health, keys: parts.keys },
    ...{ priorities: config.priorities, energyPrice: config.energyPrice },
    groups: createUnixGroups({ clock, quotas: config.quotas, reserving: () => reservedAccounts(state()) }),
  });
  const predictor = createPredictor({
    ...{ state, report, nowMs: () => clock.nowMs() },
    warn: (error) => log.warn({ err: error }, "a forecast failed"),
  });
  end.onSignals(() => void ctx.shutDown("leave").catch(() => end.begin("leave")));
  return {
    ...{ loop, sampler, ctx, predictor, history, world, desk, metrics, outside },
    places: world.places,
    engine: world.engine,
    crash: end.crash,
    end: end.reached,
  };
}

interface Hearers {
  readonly progress: Pick<ReturnType<typeof createProgressBoard>, "forget">;
  readonly energy: Pick<EnergyMeter, "forget">;
  readonly feed: NoticeFeed;
  readonly desk: Desk;
  readonly metrics: () => Metrics;
  readonly world: World;
  readonly reserve: Pick<Reserve, "refill">;
  readonly end: Pick<End, "look">;
}

/** Who hears what has become of steps. */
function afterSteps(to: Hearers): Pick<LoopOptions, "committed" | "requestsLost"> {
  return {
    committed(changes, seqs) {
      to.progress.forget(changes.attemptsEnded);
      to.energy.forget(changes.ended);
      to.feed.tellCommitted(changes, seqs);
      to.desk.tellEnded(changes.ended);
      to.metrics().note(changes);
      removeLeftovers(to.world.places, changes);
      to.reserve.refill();
      to.end.look();
    },
    requestsLost() {
      to.desk.loseAll();
      to.metrics().forgetRequests();
    },
  };
}

interface Watchers {
  readonly state: () => State;
  readonly report: (news: Report) => void;
  readonly world: () => World;
  readonly onSample: (sample: GpuSample) => void;
}

/** Reads the GPUs, once it is started. */
function openSampler({ probe, clock }: Parts, { state, report, world, onSample }: Watchers): Sampler {
  return createSampler({
    ...{ probe, clock, onSample },
    onChange: (sample) => report(gpusSeen(sample)),
    isHelp: (pid) => world().sharedGpus.isPart(pid),
    isOurs: (pid) => workerIdOf(pid, world()),
    workersOn: (uuid) => [...(state().gpus.get(uuid)?.leases ?? [])].map((lease) => lease.worker.id),
  });
}

type WorldParts = Pick<World, "state" | "report" | "sampler" | "queries" | "hands" | "measure"> &
  Pick<World, "noteProgress" | "noteWritten" | "requests">;

function createWorld(given: Parts, parts: WorldParts): World {
  const { paths, config, clock, log, instanceId, probe, users, cgroups } = given;
  const containers = openContainers({
    config,
    stateDir: paths.stateDir,
    clock,
    probeKind: probe.kind,
    instanceId,
  });
  const processes = createProcessEngine({ instanceId, clock, cgroups });
  const { ended, ledger } = containers;
  const { state, queries } = parts;
  const runtimes = createRegistry(
    paths.runtimeDirs.map(({ origin, path: dir }) => ({ origin, dir })),
    clock,
  );
  const places = createPlaces(paths, (jobId) => queries.job(jobId)?.attempts ?? 0, users !== null);
  const secretsDir = path.join(path.dirname(paths.configFile), "secrets");
  const secrets = createSecretBook({ dir: secretsDir, runtimes, queries });
  return {
    ...parts,
    users,
    limits: { cpus: config.limitCpus, maxProcesses: config.maxProcesses },
    secrets,
    logs: keepLogs({ paths, config, state, places, masks: secrets, clock, log }),
    engine: createContainerEngine({ processes, instanceId, clock, ended, note: ledger.note }),
    containers,
    sharedGpus: createSharedGpus({
      ...{ isOn: config.mps, servesMany: users !== null, runDir: paths.runDir, env: baseEnvironment() },
      ...{ state, hands: parts.hands, runtimes, clock, log },
    }),
    protocolOf: createProtocols((runtime, name) => secrets.forWorker(runtime, [name])[name] ?? ""),
    contacts: new Map(),
    freezer: createFreezer({ clock }),
    runtimes,
    places,
    clock,
    rng: createRng(process.pid),
    log,
    hostMemory: watchHostMemory(),
    instanceId,
    cacheDir: paths.cacheDir,
    sdkDir: path.join(packageRoot(), "runtimes", "sdk"),
    terminalHolder: builtProgram("pty-holder"),
    secretsDir,
    baseEnv: users === null ? baseEnvironment() : plainEnvironment(),
  };
}

function policyOf(config: Config): Policy {
  return {
    cpuCores: config.cpuCores,
    ramBytes: config.ram ?? os.totalmem(),
    quantumFactor: config.quantumFactor,
    vramReserveBytes: config.vramReserve,
    urgency: config.urgency,
    fairShareHalfLifeMs: config.fairShareHalfLife,
    quotas: config.quotas,
  };
}

/** What programs of other users begin with: nothing that is the daemon's own. */
function plainEnvironment(): Record<string, string> {
  const { LANG, LC_ALL, TZ } = baseEnvironment();
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { PATH, ...(LANG ? { LANG } : {}), ...(LC_ALL ? { LC_ALL } : {}), ...(TZ ? { TZ } : {}) };
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
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}
