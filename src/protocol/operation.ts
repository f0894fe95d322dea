import type { z } from "zod";

/** Who asks: the peer of the socket as the kernel knows it, never what the client says. */
export interface Caller {
  readonly uid: number;
  readonly user: string;
  readonly pid: number;
  /** May see and change everything: root, the daemon's own user, members of the group `admins`. Absent = may not. */
  readonly isAdmin?: boolean;
  /** What the request says it belongs to (header x-correlation-id): jobs that it submits bear it. */
  readonly correlation?: string | undefined;
  /** Set when the request came through the gateway: what it may do there, besides the rights of its user. */
  readonly key?: KeyGrant;
}

/** What an API key leaves of its user's rights; see operations/key-limits.ts. */
export interface KeyGrant {
  readonly id: string;
  /** Of which it may submit jobs; null = all. */
  readonly runtimes: readonly string[] | null;
  /** Whether it may submit commands. */
  readonly mayRun: boolean;
  /** It is no key, but a browser that the user let in on the host: what goes on without it is the user's own wish. */
  readonly isOwners?: boolean;
  /** Counts jobs against the quota of the key. @throws Failure quota/refused */
  charge(jobs: number): void;
}

/**
 * Who may call an operation, of those whom the daemon serves.
 * - `all`: everybody. What belongs to others is seen as far as scheduling needs it: see operations/seen-by.ts.
 * - `owner`: the user to whom the job, array, schedule or reservation belongs, and admins.
 * - `admins`: admins alone.
 */
export type Who = "all" | "owner" | "admins";

/** "GET /jobs/:job": method and path under /api/v1. */
export type Route = `${"GET" | "POST"} /${string}`;

/**
 * One verb of the API: its route, its schemas and what it does, in one file. Path, query and body arrive as one input
 * object. A stream's output schema describes one line.
 */
export interface Operation<Context, R extends Route, I extends z.ZodType, O extends z.ZodType> {
  readonly route: R;
  readonly summary: string;
  readonly who: Who;
  readonly input: I;
  readonly output: O;
  readonly stream: boolean;
  /** Larger than the default for batches. Bytes. */
  readonly maxBodyBytes: number;
  /** The list in the input that may be long: its items are checked some at a time. */
  readonly many?: Many | undefined;
  /** The body is a file, which is the input's `file` (SentFile). */
  readonly takes?: "file" | undefined;
  /** The answer is the file that `run` opened (OpenFile), not JSON. */
  readonly answers?: "file" | undefined;
  run(
    ctx: Context,
    input: z.output<I>,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<z.input<O>> | AsyncIterable<z.input<O>>;
}

/** A list in an input: its key, the schema of an item, and how many there may be. */
export interface Many {
  readonly name: string;
  readonly item: z.ZodType;
  readonly most: number;
}

/** Bodies of ordinary requests: a megabyte is a very long prompt. */
export const DEFAULT_MAX_BODY_BYTES = 2 ** 20;
