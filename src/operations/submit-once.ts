import { createHash } from "node:crypto";
import type { Caller } from "../protocol/operation.ts";
import type { NewJob } from "../scheduler/events.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";

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
  readonly jobs: () => readonly NewJob[];
  readonly array?: { readonly maxActive: number | null };
}

interface Running {
  readonly digest: string;
  readonly ids: Promise<readonly number[]>;
}

/** Requests with a key whose answer is not on disk yet. */
const running = new WeakMap<Context, Map<string, Running>>();

/**
 * Submits jobs; those of a request whose key this user has given before are not queued again. The key is written in the
 * transaction of the jobs, and nothing awaits between looking and asking, so two never come of one.
 * @throws Failure idempotency/conflict when the key was given for something else
 */
export async function submitOnce(ctx: Context, caller: Caller, request: OnceRequest): Promise<Submitted> {
  await ctx.groups.know(caller);
  const { key } = request;
  const array = request.array === undefined ? {} : { array: request.array };
  if (key === undefined) {
    return { ids: await ctx.ask({ type: "submit", jobs: request.jobs(), ...array }), isRepeat: false };
  }
  const digest = digestOf(request.input);
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
  const [first, ...others] = request.jobs();
  const payload = must(first, "a submission has a job").payload;
  const submissionKey = { key, digest, jobs: others.length + 1 };
  const keyed = { ...must(first, "a submission has a job"), payload: { ...payload, submissionKey } };
  const ids = ctx.ask({ type: "submit", jobs: [keyed, ...others], ...array });
  known.set(name, { digest, ids });
  try {
    return { ids: await ids, isRepeat: false };
  } finally {
    known.delete(name);
  }
}

function runningOf(ctx: Context): Map<string, Running> {
  const known = running.get(ctx) ?? new Map<string, Running>();
  running.set(ctx, known);
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

/** Without times, which are often "in two hours" and so differ each time, and without the environment. */
function comparable(input: object): object {
  const { env: _env, idempotencyKey: _key, options, jobs, ...others } = input as Record<string, unknown>;
  const { begin: _begin, deadline: _deadline, ...lasting } = (options ?? {}) as Record<string, unknown>;
  return {
    ...others,
    options: lasting,
    jobs: Array.isArray(jobs) ? jobs.map((job: object) => comparable(job)) : null,
  };
}

function digestOf(input: object): string {
  const text = JSON.stringify(comparable(input), (_name, part: unknown) => {
    if (part === null || typeof part !== "object" || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
  return createHash("sha256").update(text).digest("base64");
}
