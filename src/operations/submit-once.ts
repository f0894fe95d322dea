import { createHash } from "node:crypto";
import type { Caller } from "../protocol/operation.ts";
import type { NewJob } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import type { Context } from "./context.ts";
import { submitSlices } from "./submit-slices.ts";

interface Submitted {
  readonly ids: readonly number[];
  /** They were queued before, by a request with the same key. */
  readonly isRepeat: boolean;
}

interface OnceRequest {
  /** Undefined = every request counts. */
  readonly key: string | undefined;
  /** What is asked for, for comparing: JSON values. */
  readonly input: object;
  /** One, when left out. */
  readonly count?: number;
  /** Makes the jobs `from` to `to`, counted from 0. */
  readonly jobs: (from: number, to: number) => readonly NewJob[];
  /** Whether each of them may be wrong in its own way. */
  readonly mayDiffer?: boolean;
  readonly array?: { readonly maxActive: number | null };
}

interface Running {
  readonly digest: string;
  readonly ids: Promise<readonly number[]>;
}

/** Requests with a key whose answer is not on disk yet. */
const running = new WeakMap<Context["feed"], Map<string, Running>>();

/**
 * Submits jobs; those of a request whose key this user has given before are not queued again. The key is written in the
 * transaction of the jobs, and nothing awaits between looking and asking, so two never come of one.
 * @throws Failure idempotency/conflict when the key was given for something else
 */
export async function submitOnce(ctx: Context, caller: Caller, request: OnceRequest): Promise<Submitted> {
  await ctx.groups.know(caller);
  const { key, count = 1, jobs: make, mayDiffer = false, array } = request;
  const slices = { count, make, mayDiffer, array };
  if (key === undefined) {
    caller.key?.charge(count);
    return { ids: await submitSlices(ctx, slices), isRepeat: false };
  }
  const digest = await digestOf(request.input);
  const known = runningOf(ctx);
  const name = `${caller.uid} ${key}`;
  const now = known.get(name);
  if (now !== undefined) {
    refuseOther(key, now.digest === digest, null);
    return { ids: await now.ids, isRepeat: true };
  }
  const stored = ctx.queries.submission(caller.uid, key, ctx.clock.nowMs());
  if (stored !== undefined) {
    refuseOther(key, stored.digest === digest, stored.firstJob);
    return {
      ids: Array.from({ length: stored.jobs }, (_, index) => stored.firstJob + index),
      isRepeat: true,
    };
  }
  caller.key?.charge(count);
  const submissionKey = { key, digest, jobs: count };
  const ids = submitSlices(ctx, {
    ...slices,
    make: (from, to) =>
      make(from, to).map((job, index) =>
        from + index === 0 ? { ...job, payload: { ...job.payload, submissionKey } } : job,
      ),
  });
  known.set(name, { digest, ids });
  try {
    return { ids: await ids, isRepeat: false };
  } finally {
    known.delete(name);
  }
}

function runningOf(ctx: Context): Map<string, Running> {
  // By what is the same in the contexts of all callers.
  const known = running.get(ctx.feed) ?? new Map<string, Running>();
  running.set(ctx.feed, known);
  return known;
}

function refuseOther(key: string, isSame: boolean, firstJob: number | null): void {
  if (isSame) return;
  throw new Failure("idempotency/conflict", `the idempotency key "${key}" was used for something else`, {
    why: "a key stands for one submission, for seven days",
    hint:
      firstJob === null ? "give another key" : `give another key; orch show ${firstJob} shows what it was`,
  });
}

/** Without times, which are often "in two hours" and so differ each time, without the environment and without the id of the one call. */
function comparable(input: object): object {
  const {
    env: _env,
    idempotencyKey: _key,
    options,
    jobs: _jobs,
    ...others
  } = input as Record<string, unknown>;
  const {
    begin: _begin,
    deadline: _deadline,
    correlation: _id,
    ...lasting
  } = (options ?? {}) as Record<string, unknown>;
  return { ...others, options: lasting, jobs: null };
}

/** Characters that are hashed without giving way: a few milliseconds. */
const PIECE = 2 ** 20;

async function digestOf(input: object): Promise<string> {
  const hash = createHash("sha256");
  const { jobs = [] } = input as { readonly jobs?: readonly object[] };
  for (const part of [input, ...jobs]) {
    const text = inOrder(comparable(part));
    for (let from = 0; from < text.length; from += PIECE) {
      hash.update(text.slice(from, from + PIECE));
      await giveWay();
    }
  }
  return hash.digest("base64");
}

/** JSON with the keys of each object in order. */
function inOrder(value: object): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}
