import type { Caller } from "../../../protocol/operation.ts";
import type { Json } from "../../../std/json.ts";
import type { Bodies } from "../../forward/bodies.ts";
import type { Connections } from "../../forward/connections.ts";
import type { GatewayPort } from "../../port.ts";
import type { ApiKeysFile } from "./api-keys-file.ts";
import type { LogFiles } from "./log-files.ts";
import type { Media } from "./media.ts";
import type { LoadBalancerOptions } from "./options.ts";
import type { Pools, Slot } from "./pools.ts";
import type { Prepared } from "./prepare.ts";
import type { Sessions } from "./sessions.ts";

/** What the calls of the load balancer share. */
export interface Balancer {
  readonly port: GatewayPort;
  readonly options: LoadBalancerOptions;
  readonly pools: Pools;
  readonly media: Media;
  readonly sessions: Sessions;
  readonly keys: ApiKeysFile;
  readonly logs: LogFiles;
  readonly bodies: Bodies;
  readonly connections: Connections;
  /** Of GPUs by their UUIDs, as far as they were asked for: they do not change while the daemon runs. */
  readonly gpuIndices: Map<string, number>;
}

/** Where requests for a model go. */
export interface Target {
  readonly runtime: string;
  /** Load params of its alias. */
  readonly params: Readonly<Record<string, Json>>;
  readonly protocol: string;
}

/** One request on its way to a worker. */
export interface Work {
  readonly balancer: Balancer;
  readonly prepared: Prepared;
  readonly target: Target;
  readonly caller: Caller;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** As the caller knows the request. */
  readonly requestId: string;
  /** A worker has it now. */
  begin(worker: number): Running;
}

/** A request that a worker has. */
export interface Running {
  readonly slot: Slot;
  /** As clients know the worker. */
  readonly id: number;
  /** On the steady clock. */
  readonly sinceMs: number;
  /** Requests that waited for the worker then. */
  readonly waitingThen: number;
  /** The worker has it no more: it is done, or was lost. Idempotent. */
  end(): void;
}

/** What came of it. */
export interface Done {
  /** The model's own fields. */
  readonly fields: Readonly<Record<string, Json>>;
  readonly running: Running;
  /** Orch's worker. */
  readonly worker: { readonly id: number; readonly gpus: readonly string[] };
}
