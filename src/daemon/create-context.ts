import type { Context, Feed, Progress, Written } from "../operations/context.ts";
import { packageVersion } from "../std/package-version.ts";
import { buildImage } from "./containers/ensure-image.ts";
import type { End } from "./end.ts";
import { workerIdOf } from "./gpus/worker-of-pid.ts";
import { dryLaunch } from "./jobs/dry-launch.ts";
import { createJobFiles } from "./jobs/job-files.ts";
import type { Loop } from "./loop-options.ts";
import type { World } from "./world.ts";

export interface ContextParts {
  readonly world: World;
  readonly loop: Loop;
  readonly feed: Feed;
  readonly end: End;
  readonly progressOf: (jobId: number) => Progress | null;
  readonly writtenOf: (jobId: number) => Written | null;
  readonly probeKind: string;
  readonly priorities: Context["priorities"];
  readonly energyPrice: Context["energyPrice"];
  readonly groups: Context["groups"];
  readonly health: Context["health"];
  readonly keys: Context["keys"];
  readonly tasks: Context["tasks"];
  readonly metrics: Context["metrics"];
  readonly webhooks: Context["webhooks"];
  readonly inputFiles: Context["inputFiles"];
}

/** What the operations get to work with. */
export function createContext(parts: ContextParts): Context {
  const { world, loop, feed, end, progressOf, writtenOf, probeKind, priorities, groups } = parts;
  const { state, queries, runtimes, clock, places, sampler } = world;
  return {
    ask: (request) => loop.ask(request),
    askLong: (work) => loop.askLong(work),
    health: parts.health,
    logSizes: () => world.logs.sizes(),
    state,
    queries,
    runtimes,
    feed,
    clock,
    places,
    masks: world.secrets,
    keys: parts.keys,
    tasks: parts.tasks,
    metrics: parts.metrics,
    webhooks: parts.webhooks,
    inputFiles: parts.inputFiles,
    priorities,
    energyPrice: parts.energyPrice,
    groups,
    jobFiles: createJobFiles(places),
    mayRead: () => true,
    users: world.users?.rule ?? null,
    progressOf,
    writtenOf,
    latestSample: () => sampler.latest(),
    noteEta: (jobId, etaMs) => loop.report({ type: "eta-given", jobId, etaMs }),
    gpuSample: async (fresh) => (fresh ? sampler.sampleNow({ processes: true }) : sampler.latest()),
    workerOfPid: (pid) => state().workers.get(workerIdOf(pid, world) ?? -1)?.name ?? null,
    planLaunch: (input) => dryLaunch(world, input),
    buildImage: async (name, options) => buildImage(world.containers, runtimes.get(name), options),
    async shutDown(mode) {
      await loop.ask({ type: "shut-down", mode });
      end.begin(mode);
    },
    host: {
      pid: process.pid,
      version: packageVersion(),
      instance: world.instanceId,
      startedAtMs: clock.nowMs(),
      probe: probeKind,
      uid: process.getuid?.() ?? 0,
    },
  };
}
