import type { Caller } from "../protocol/operation.ts";
import type { Json } from "../std/json.ts";

// Requests: jobs whose callers wait on the line. They are scheduled as jobs are, in the same lanes, and nothing of them is
// stored: whoever hangs up has cancelled, and a restart of the daemon ends them.

/** What a caller wants a worker for. */
export interface RequestAsk {
  readonly runtime: string;
  /** Params that decide which worker can serve it (`load: true` of the runtime); others are not looked at. */
  readonly params: Readonly<Record<string, Json>>;
  readonly caller: Caller;
  /** As a person would recognise it, e.g. "POST /v1/chat/completions". */
  readonly summary: string;
  /** A number, or a name from the config; left out = 0. */
  readonly priority?: number | string | undefined;
  /** How long the worker stays when it is idle from then on: null = for ever; left out = as its runtime says. */
  readonly keepAliveMs?: number | null | undefined;
  /** Aborts when the caller has gone: the request leaves its lane, or gives its worker back. */
  readonly signal: AbortSignal;
}

/** How a request that waits stands. */
export interface Standing {
  /** Requests and jobs of its lane that go first. */
  readonly ahead: number;
  /** Why it waits, as `orch why` says it. */
  readonly reason: string;
  /** When it is expected to have its turn; null = not known. */
  readonly etaMs: number | null;
}

/** The place of a request on a ready worker. */
export interface Turn {
  readonly worker: { readonly id: number; readonly name: string; readonly gpus: readonly string[] };
  /** Its protocol: `openai` and so on. */
  readonly protocol: string;
  /** Path of a Unix socket, or http://127.0.0.1:port. */
  readonly endpoint: string;
  /** What its server wants to be sent with each request: its own key. */
  readonly headers: Readonly<Record<string, string>>;
  /** The name by which its server knows the model; null = whichever. Protocol `openai`. */
  readonly model: string | null;
  /** Jobs and requests of its lane that still waited when this one got its turn. */
  readonly waitingThen: number;
  /**
   * Gives the place back. `lost`: the worker could not be reached, or broke off before it had answered anything: where the
   * request has attempts left it waits for another turn (see `next`), and the worker is looked at. Idempotent.
   */
  end(outcome: "succeeded" | "failed" | "lost"): void;
}

/** A request on its way. */
export interface OpenRequest {
  /** Unique as long as the daemon runs, e.g. "r-17". */
  readonly id: string;
  /**
   * The turn of the request, or the next one after it was lost.
   * @throws Failure runtime/start-failed, with the worker's last lines; quota/refused; daemon/stopping; interrupted after an abort
   */
  next(): Promise<Turn>;
  /** How it stands now; null once it has its turn. Cheap enough to be asked every few seconds. */
  standing(): Standing | null;
}

/** What the name of a model stands for. */
export interface ServedModel {
  /** As callers name it: that of a runtime, or an alias from its file. */
  readonly name: string;
  readonly runtime: string;
  /** Load params that the alias stands for. */
  readonly params: Readonly<Record<string, Json>>;
  readonly protocol: string;
  readonly summary: string;
  /** Which endpoint a server of protocol `openai` is for; null for others. */
  readonly api: string | null;
  readonly isReady: boolean;
}

/** Requests, as far as the gateway has to do with them. */
export interface RequestDesk {
  /** All that a caller may name as a model, by name. */
  models(caller: Caller): readonly ServedModel[];
  /** @throws Failure runtime/unknown, permission/denied when the key is for other runtimes */
  model(name: string, caller: Caller): ServedModel;
  /**
   * Takes a request in. It is counted against the quota of the caller's key.
   * @throws Failure runtime/unknown, runtime/invalid, permission/denied, quota/refused; TooMany when its lane is full
   */
  enter(ask: RequestAsk): Promise<OpenRequest>;
}
