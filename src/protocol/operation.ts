import type { z } from "zod";

/** Who asks: the peer of the socket as the kernel knows it, never what the client says. */
export interface Caller {
  readonly uid: number;
  readonly user: string;
  readonly pid: number;
}

/** "GET /jobs/:job": method and path under /api/v1. */
export type Route = `${"GET" | "POST"} /${string}`;

/**
 * One verb of the API: its route, its schemas and what it does, in one file. Path, query and body arrive as one input
 * object. A stream's output schema describes one line.
 */
export interface Operation<Context, R extends Route, I extends z.ZodType, O extends z.ZodType> {
  readonly route: R;
  readonly summary: string;
  readonly input: I;
  readonly output: O;
  readonly stream: boolean;
  /** Larger than the default for batches. Bytes. */
  readonly maxBodyBytes: number;
  run(
    ctx: Context,
    input: z.output<I>,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<z.input<O>> | AsyncIterable<z.input<O>>;
}

/** Bodies of ordinary requests: a megabyte is a very long prompt. */
export const DEFAULT_MAX_BODY_BYTES = 2 ** 20;
