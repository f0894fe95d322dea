import type { z } from "zod";
import {
  type Caller,
  DEFAULT_MAX_BODY_BYTES,
  type Many,
  type Operation,
  type Route,
  type Who,
} from "../protocol/operation.ts";
import type { Context } from "./context.ts";
import { refuseUnlessAllowed } from "./rights.ts";
import { seenBy } from "./seen-by.ts";

interface Declared<R extends Route, I extends z.ZodType, O extends z.ZodType> {
  readonly route: R;
  readonly summary: string;
  readonly who: Who;
  readonly input: I;
  readonly output: O;
  readonly maxBodyBytes?: number;
  readonly many?: Many;
  readonly takes?: "file";
  readonly answers?: "file";
}

/** Declares an operation that answers once. `signal` aborts when the caller has gone: one that waits gives up then. */
export function operation<R extends Route, I extends z.ZodType, O extends z.ZodType>(
  declared: Declared<R, I, O> & {
    run(ctx: Context, input: z.output<I>, caller: Caller, signal: AbortSignal): Promise<z.input<O>>;
  },
): Operation<Context, R, I, O> & { readonly stream: false } {
  const run: typeof declared.run = (ctx, input, caller, signal) => {
    refuseUnlessAllowed(declared.who, declared.summary, caller);
    return declared.run(seenBy(ctx, caller), input, caller, signal);
  };
  return { maxBodyBytes: DEFAULT_MAX_BODY_BYTES, ...declared, run, stream: false };
}

/** Declares an operation that answers with a stream of lines. It ends early when `signal` aborts. */
export function streamOperation<R extends Route, I extends z.ZodType, O extends z.ZodType>(
  declared: Declared<R, I, O> & {
    run(ctx: Context, input: z.output<I>, caller: Caller, signal: AbortSignal): AsyncIterable<z.input<O>>;
  },
): Operation<Context, R, I, O> & { readonly stream: true } {
  const run: typeof declared.run = (ctx, input, caller, signal) => {
    refuseUnlessAllowed(declared.who, declared.summary, caller);
    return declared.run(seenBy(ctx, caller), input, caller, signal);
  };
  return { maxBodyBytes: DEFAULT_MAX_BODY_BYTES, ...declared, run, stream: true };
}
