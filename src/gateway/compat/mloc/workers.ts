import { readFileSync } from "node:fs";
import os from "node:os";
import type { Api } from "../../../operations/api.ts";
import type { Caller } from "../../../protocol/operation.ts";
import { Failure } from "../../../std/failure.ts";
import type { GatewayPort } from "../../port.ts";

type Worker = Api["GET /workers"]["output"]["workers"][number];
type Gpu = Api["GET /gpus"]["output"]["gpus"][number];

/** The daemon itself: it does what needs no runtime. */
const SELF = "orch";

/** Stands for the key of those who have none of orch. Which of them reaches what, the scopes of their requests say. */
const NOBODY = "none";

/** Workers as clients of the older system know them. */
export interface WorkerDesk {
  list(caller: Caller): Promise<WorkerEntry[]>;
  /** @throws Failure worker/unknown */
  find(id: string, caller: Caller): Promise<WorkerEntry>;
  /** Keeps a worker from being stopped for others, or no longer. @throws Failure worker/unknown, permission/denied */
  setElastic(id: string, enabled: boolean, caller: Caller): Promise<void>;
  /** How many workers there have been, the daemon's own entry counted, as far as this one has seen. */
  seen(): number;
  /** Forgets what was noted of workers that are gone; gives how many. */
  cleanUp(caller: Caller): Promise<number>;
}

export type WorkerEntry = ReturnType<typeof viewWorker>;

/** Makes it; whether a worker may be stopped for others is kept with the worker. */
export function createWorkerDesk(port: GatewayPort, costPerHour: number): WorkerDesk {
  /** Set off by a client; the daemon's own entry cannot be pinned. */
  const inelastic = new Set<string>();
  let newest = 0;
  const list = async (caller: Caller): Promise<WorkerEntry[]> => {
    const [{ workers }, { gpus }, status] = await Promise.all([
      port.call("GET /workers", {}, caller),
      port.call("GET /gpus", {}, caller),
      port.call("GET /status", {}, caller),
    ]);
    // Ids only grow.
    newest = Math.max(newest, ...workers.map(({ id }) => id));
    const common = { gpus, costPerHour, nowMs: port.clock.nowMs() };
    const self = viewSelf(status, { ...common, isInelastic: inelastic.has(SELF) });
    return [self, ...workers.filter(isLive).map((worker) => viewWorker(worker, common))];
  };
  const find = async (id: string, caller: Caller): Promise<WorkerEntry> => {
    const found = (await list(caller)).find(({ worker_id: each }) => each === id);
    if (found !== undefined) return found;
    throw new Failure("worker/unknown", "worker not found", { hint: "GET /workers lists them" });
  };
  return {
    list,
    find,
    seen: () => newest + 1,
    async setElastic(id, enabled, caller) {
      await find(id, caller);
      if (enabled) inelastic.delete(id);
      else inelastic.add(id);
      if (id === SELF) return;
      // Whoever came by the token, or where the older system would have asked for none.
      const isClient = caller.key?.id === NOBODY;
      const admin = isClient ? { ...caller, isAdmin: true } : caller;
      await port.call("POST /workers/:worker/pin", { worker: id, pinned: !enabled }, admin);
    },
    async cleanUp(caller) {
      const live = new Set((await list(caller)).map(({ worker_id: id }) => id));
      const gone = [...inelastic].filter((id) => !live.has(id));
      for (const id of gone) inelastic.delete(id);
      return gone.length;
    },
  };
}

function isLive({ state }: Worker): boolean {
  return state !== "gone" && state !== "failed";
}

interface Common {
  readonly gpus: readonly Gpu[];
  readonly costPerHour: number;
  readonly nowMs: number;
}

function viewWorker(worker: Worker, { gpus, costPerHour, nowMs }: Common) {
  const own = gpus.filter(({ uuid }) => worker.gpus.includes(uuid));
  const isStarting = worker.readyAt === null;
  return {
    worker_id: worker.name,
    status: isStarting ? "STARTING" : worker.jobs.length > 0 ? "RUNNING" : "IDLE",
    started_at: worker.startedAt,
    pid: worker.pid,
    env: {},
    hardware: hardwareOf(own),
    tags: [worker.runtime],
    last_seen: new Date(nowMs).toISOString(),
    stale: false,
    cached_models: [worker.lane],
    cached_datasets: [] as string[],
    cost_per_hour: costPerHour,
    elastic_disabled: worker.pinned,
  };
}

function viewSelf(
  { pid, startedAt }: Api["GET /status"]["output"],
  { gpus, costPerHour, nowMs, isInelastic }: Common & { readonly isInelastic: boolean },
): WorkerEntry {
  return {
    ...{ worker_id: SELF, status: "IDLE", started_at: startedAt, pid, env: {}, hardware: hardwareOf(gpus) },
    ...{ tags: ["daemon"], last_seen: new Date(nowMs).toISOString(), stale: false },
    ...{ cached_models: [], cached_datasets: [], cost_per_hour: costPerHour, elastic_disabled: isInelastic },
  };
}

function hardwareOf(gpus: readonly Gpu[]) {
  const cores = os.cpus();
  return {
    cpu: { logical_cores: cores.length, model: cores[0]?.model ?? "unknown" },
    memory: { total_bytes: os.totalmem() },
    gpu: {
      driver_version: driverVersion(),
      cuda_version: null,
      gpus: gpus.map(({ index, name, uuid, memory }) => ({
        ...{ index, name, uuid },
        memory_total_bytes: memory.totalBytes,
      })),
    },
    network: { ip: "127.0.0.1" },
  };
}

/** As the kernel module says it; null without one. */
function driverVersion(): string | null {
  try {
    return readFileSync("/sys/module/nvidia/version", "utf8").trim();
  } catch {
    return null;
  }
}
