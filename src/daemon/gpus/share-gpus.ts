import path from "node:path";
import type { Logger } from "pino";
import { createMps, hasPipeDir, type Mps } from "../../gpu/mps.ts";
import type { Registry } from "../../runtime/discover.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Lease, State, Worker } from "../../scheduler/model.ts";
import type { Clock } from "../../std/clock.ts";
import type { Hands } from "../hands.ts";

/** Runs NVIDIA's MPS for workers that share GPUs; see docs/gpus.md. */
export interface SharedGpus {
  /**
   * What a worker gets so that it shares its GPUs by MPS, whose control daemon then runs; nothing for one that does not.
   * @throws Failure gpu/unavailable
   */
  envFor(worker: Worker): Promise<Record<string, string>>;
  /** Whether a process on a GPU is the control daemon's. */
  isPart(pid: number): boolean;
  /** Looks now and then: workers whose control daemon has died are given to `stop`; an idle control daemon quits. */
  start(stop: (workerId: number, why: string) => void): void;
  /** Stops looking. The control daemon quits unless workers that use it stay. */
  stop(): Promise<void>;
}

export interface SharedGpusParts {
  /** Whether every worker that shares GPUs does so by MPS, unless its runtime says otherwise. */
  readonly isOn: boolean;
  /** MPS serves one user. */
  readonly servesMany: boolean;
  readonly runDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly state: () => State;
  readonly hands: Hands;
  readonly runtimes: Pick<Registry, "get">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Between two looks. Default: 1 s. */
  readonly lookEveryMs?: number;
  /** The control daemon stays so long without workers: the next one starts faster. Default: 60 s. */
  readonly idleMs?: number;
}

/** NVIDIA advises to give n programs twice their nth part of a GPU's threads, since they seldom all compute at once. */
const THREADS_SHARE = 2;

/** Nothing runs before the first worker needs it. */
export function createSharedGpus(parts: SharedGpusParts): SharedGpus {
  const mps = createMps({ dir: path.join(parts.runDir, "mps"), clock: parts.clock, env: parts.env });
  const keeper = new Keeper(parts, mps);
  return {
    async envFor(worker) {
      const wish = wishOf(parts, worker);
      if (wish === null) return {};
      keeper.touch();
      await mps.ensure();
      return { ...mps.env, ...limitsOf(worker, wish.threads) };
    },
    isPart: (pid) => mps.isPart(pid),
    start: (stop) => keeper.start(stop),
    stop: () => keeper.stop(),
  };
}

/**
 * How a worker shares by MPS, or null: it needs a board of NVIDIA's, and a process, since containers see no pipe folder. One that
 * can sleep goes without: its limit would stay that of its start, whatever lease it wakes with.
 */
function wishOf(parts: SharedGpusParts, worker: Worker): { readonly threads: number | null } | null {
  const { leases, lane } = worker;
  if (parts.servesMany || lane.spec.mode !== "shared" || leases.length === 0) return null;
  if (lane.spec.sleep !== null) return null;
  if (!leases.every(({ gpu }) => gpu.vendor === "nvidia" && gpu.parent === null)) return null;
  const runtime = runtimeOf(parts, worker);
  if (runtime?.engine === "container") return null;
  const wish = runtime?.gpu.mps ?? null;
  const isOn = wish?.isOn ?? parts.isOn;
  return isOn ? { threads: wish?.threads ?? null } : null;
}

/** Null for commands, and for a runtime that was removed. */
function runtimeOf({ runtimes }: SharedGpusParts, { lane }: Worker): Runtime | null {
  try {
    return lane.spec.runtime === "run" ? null : runtimes.get(lane.spec.runtime);
  } catch {
    return null;
  }
}

/**
 * The limits of one client: its share of the threads, and its lease of each GPU, which CUDA numbers in the order in which
 * they are shown. Threads follow the smallest lease; see THREADS_SHARE.
 */
function limitsOf({ leases }: Worker, threads: number | null): Record<string, string> {
  const shareOf = ({ vramBytes, gpu }: Lease): number => vramBytes / Math.max(1, gpu.totalBytes);
  const share = Math.min(...leases.map(shareOf));
  const percent = threads ?? Math.min(100, Math.max(1, Math.ceil(100 * THREADS_SHARE * share)));
  const limits = leases.map(({ vramBytes }, at) => `${at}=${Math.floor(vramBytes / 2 ** 20)}M`);
  return {
    CUDA_MPS_ACTIVE_THREAD_PERCENTAGE: String(percent),
    CUDA_MPS_PINNED_DEVICE_MEM_LIMIT: limits.join(","),
  };
}

/** A worker whose program was started with MPS. */
interface Client {
  readonly workerId: number;
  readonly pid: number;
}

class Keeper {
  private readonly parts: SharedGpusParts;
  private readonly mps: Mps;
  private usedAtMs: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(parts: SharedGpusParts, mps: Mps) {
    this.parts = parts;
    this.mps = mps;
    this.usedAtMs = parts.clock.monotonicMs();
  }

  touch(): void {
    this.usedAtMs = this.parts.clock.monotonicMs();
  }

  start(stop: (workerId: number, why: string) => void): void {
    const look = (): void => {
      this.look(stop)
        .catch((error: unknown) => this.parts.log.warn({ err: error }, "MPS cannot be looked after"))
        .finally(() => {
          if (this.timer !== undefined) this.timer = setTimeout(look, this.parts.lookEveryMs ?? 1000).unref();
        });
    };
    this.timer = setTimeout(look, 0).unref();
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.clients().length === 0) await this.mps.quit();
  }

  private async look(stop: (workerId: number, why: string) => void): Promise<void> {
    const { clock, log, idleMs = 60_000 } = this.parts;
    const clients = this.clients();
    if (clients.length > 0 || this.isAwaited()) this.touch();
    const broken = clients.filter(({ pid }) => this.mps.hasLost(pid)).map(({ workerId }) => workerId);
    if (broken.length > 0) log.error({ workers: broken }, "the control daemon of MPS has ended");
    for (const workerId of broken)
      stop(workerId, "the control daemon of MPS has ended, and with it the program's hold of its GPU");
    if (clock.monotonicMs() - this.usedAtMs < idleMs || this.mps.pid() === null) return;
    log.info("no worker shares a GPU any more: MPS quits");
    await this.mps.quit();
  }

  /** Whether a worker that will use it is on its way. */
  private isAwaited(): boolean {
    for (const worker of this.parts.state().workers.values())
      if (worker.phase.state === "starting" && wishOf(this.parts, worker) !== null) return true;
    return false;
  }

  /** Workers whose programs were started with it, by this daemon or an earlier one: their environment says so. */
  private clients(): Client[] {
    const clients: Client[] = [];
    for (const hand of this.parts.hands.all()) {
      const mode = this.parts.state().workers.get(hand.workerId)?.lane.spec.mode;
      if (mode !== "shared" || hand.identity === null || hand.isGone || hand.abort.signal.aborted) continue;
      const { pid } = hand.identity;
      if (hasPipeDir(pid, this.mps.env.CUDA_MPS_PIPE_DIRECTORY))
        clients.push({ workerId: hand.workerId, pid });
    }
    return clients;
  }
}
