import { setTimeout as sleep } from "node:timers/promises";
import type { JobView } from "../../src/protocol/views.ts";
import { toFailure } from "../../src/std/failure.ts";
import type { Rng } from "../../src/std/rng.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import type { KillWorld } from "./programs.ts";

/** A job that was acknowledged, and what is to come of it. */
export interface Promised {
  readonly id: number;
  readonly tag: string;
  readonly kind: Kind;
  readonly exitCode: number;
  readonly retries: number;
  /** Whether somebody may have cancelled it. */
  cancelAsked: boolean;
  /** The daemon said that it is cancelled. */
  isCancelled: boolean;
}

type Kind = "command" | "gpu-command" | "alpha" | "beta" | "once" | "gamma" | "delta" | "omega";

/** Several clients that submit and cancel through the socket, whether the daemon is there or not. */
export interface Load {
  readonly promised: ReadonlyMap<number, Promised>;
  /** The queue of jobs without, or with, a GPU is long enough: nothing more of it is submitted. */
  readonly paused: { commands: boolean; gpuJobs: boolean };
  /** Calls that broke off: nobody knows what became of them. */
  readonly broken: () => number;
  /** What the daemon answered that it should not have. */
  readonly refusals: readonly string[];
  stop(): Promise<void>;
}

/** How often each kind is submitted. `gamma`, `delta` and `omega` are containers. */
const mixes = {
  mixed: { command: 12, "gpu-command": 2, alpha: 2, beta: 2, once: 1 },
  residents: { command: 2, alpha: 4, beta: 4 },
  commands: { command: 12, "gpu-command": 4 },
  both: { command: 12, "gpu-command": 1, alpha: 2, beta: 2, once: 1, gamma: 4, delta: 2, omega: 1 },
  containers: { gamma: 4, delta: 4, omega: 1 },
  "one-container": { gamma: 1 },
  "one-shot-containers": { omega: 1 },
  "container-and-process": { alpha: 1, gamma: 1 },
} as const satisfies Record<string, Partial<Record<Kind, number>>>;

/** Which kinds of jobs, how often. Those with containers need a podman. */
export type Mix = keyof typeof mixes;

/** The mix of this name. @throws Error with the names that there are */
export function parseMix(name: string): Mix {
  if (Object.hasOwn(mixes, name)) return name as Mix;
  throw new Error(`there is no mix "${name}", but ${Object.keys(mixes).join(", ")}`);
}

export interface LoadOptions {
  readonly home: OrchHome;
  readonly world: KillWorld;
  readonly rng: Rng;
  readonly clients: number;
  readonly mix: Mix;
  /** The longest that a client waits between two requests; half of it on average. Default: 40. */
  readonly paceMs?: number;
  /** Codes of refusals that are in order, besides those that a daemon on its way gives. */
  readonly mayBeTold?: readonly string[];
}

/** Starts the clients. */
export function startLoad({
  home,
  world,
  rng,
  clients,
  mix,
  paceMs = 40,
  mayBeTold = [],
}: LoadOptions): Load {
  const shares = Object.entries(mixes[mix]) as [Kind, number][];
  const kinds = shares.flatMap(([kind, share]) => Array.from({ length: share }, () => kind));
  const promised = new Map<number, Promised>();
  const refusals: string[] = [];
  let broken = 0;
  let isOver = false;
  const load: Load = {
    promised,
    paused: { commands: false, gpuJobs: false },
    broken: () => broken,
    refusals,
    async stop() {
      isOver = true;
      await Promise.all(loops);
    },
  };
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const failure = toFailure(error);
      broken += 1;
      const inOrder = ["daemon/unreachable", "daemon/stopping", "job/state", "job/unknown", ...mayBeTold];
      if (!inOrder.includes(failure.code))
        refusals.push(`I1: a client was told ${failure.code}: ${failure.message}`);
      await sleep(10);
    }
  };
  const submitOne = async (tag: string): Promise<void> => {
    const job = drawJob(rng, kinds, tag);
    if (job.kind === "command" ? load.paused.commands : load.paused.gpuJobs) return;
    const { id } = await submit(home, world, job);
    promised.set(id, { ...job, id, cancelAsked: false, isCancelled: false });
  };
  const runClient = async (name: number): Promise<void> => {
    for (let number = 0; !isOver; number++) {
      if (rng.chance(0.12)) await attempt(() => cancelOne(home, promised, rng));
      else await attempt(() => submitOne(`c${name}-${number}`));
      await sleep(rng.below(paceMs));
    }
  };
  const loops = Array.from({ length: clients }, (_, name) => runClient(name));
  return load;
}

type DrawnJob = Omit<Promised, "id" | "cancelAsked" | "isCancelled"> & { readonly ms: number };

function drawJob(rng: Rng, kinds: readonly Kind[], tag: string): DrawnJob {
  const kind = rng.pick(kinds);
  const isResident = ["alpha", "beta", "gamma", "delta"].includes(kind);
  const exitCode = !isResident && rng.chance(0.2) ? 7 : 0;
  const retries = kind === "command" && exitCode === 7 && rng.chance(0.2) ? 1 : 0;
  return { tag, kind, exitCode, retries, ms: 5 + rng.below(120) };
}

function submit(home: OrchHome, world: KillWorld, job: DrawnJob): Promise<JobView> {
  const { kind, ms, tag, exitCode, retries } = job;
  const options = { label: tag, retries };
  if (kind === "command" || kind === "gpu-command") {
    return home.client.call("POST /jobs/run", {
      command: world.command(ms / 1000, exitCode),
      cwd: home.dir,
      env: { PATH: home.env["PATH"] ?? "", HOME: home.dir },
      gpus: kind === "gpu-command" ? 1 : 0,
      vramBytes: null,
      mode: "exclusive",
      options,
    });
  }
  const params = { ms, tag, ...(kind === "once" || kind === "omega" ? { code: exitCode } : {}) };
  return home.client.call("POST /jobs", { runtime: kind, params, options });
}

/** Cancels one of the newest jobs: most of them still wait or run. */
async function cancelOne(home: OrchHome, promised: Map<number, Promised>, rng: Rng): Promise<void> {
  const newest = [...promised.values()].slice(-12);
  if (newest.length === 0) return;
  const job = rng.pick(newest);
  job.cancelAsked = true;
  const view = await home.client.call("POST /jobs/:job/cancel", { job: job.id });
  if (view.state === "cancelled") job.isCancelled = true;
}
