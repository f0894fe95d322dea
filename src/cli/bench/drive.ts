import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { JobDetail } from "../../protocol/views.ts";
import type { Clock } from "../../std/clock.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { listenForEnds } from "./ends.ts";

/** What is asked for, again and again. */
export interface Load {
  readonly runtime: string;
  readonly params: Readonly<Record<string, Json>>;
}

/** How much of it: so many requests by so many callers, or callers that come one by one and stay. */
export type Shape =
  | { readonly kind: "requests"; readonly requests: number; readonly concurrency: number }
  | { readonly kind: "users"; readonly users: number; readonly rampMs: number; readonly holdMs: number };

/** One request that is over. */
export interface Sample {
  readonly runtime: string;
  /** From before it was submitted until its end was known here. */
  readonly latencyMs: number;
  /** What went wrong, in a word; null = it succeeded. */
  readonly error: string | null;
  /** Null where it never was a job. */
  readonly job: JobDetail | null;
}

/** All that was measured of a load. */
export interface Measured {
  readonly samples: readonly Sample[];
  /** From the first request to the last end. */
  readonly tookMs: number;
}

export interface DriveOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly onSample: (sample: Sample) => void;
  /** Ends it early: no more is asked for, and what is under way is cancelled. */
  readonly signal: AbortSignal;
}

/** A refused request is followed by a short wait, so that a full queue is not hammered. */
const REFUSED_MS = 200;

/**
 * Submits jobs and waits for each, as many callers would: a caller asks again once it has its answer.
 * @throws Failure when the daemon is lost; what is wrong with single requests is counted
 */
export async function drive(
  client: Client,
  load: Load,
  shape: Shape,
  { clock, onSample, signal }: DriveOptions,
): Promise<Measured> {
  // Each caller listens to it while it waits.
  setMaxListeners(0, signal);
  const ends = await listenForEnds(client, signal);
  const samples: Sample[] = [];
  const startMs = clock.monotonicMs();
  let left = shape.kind === "requests" ? shape.requests : Number.POSITIVE_INFINITY;
  const untilMs = shape.kind === "users" ? startMs + shape.rampMs + shape.holdMs : Number.POSITIVE_INFINITY;
  const caller = async (afterMs: number): Promise<void> => {
    await sleep(afterMs, undefined, { signal }).catch(() => undefined);
    while (left > 0 && clock.monotonicMs() < untilMs && !signal.aborted) {
      left -= 1;
      const sample = await request(client, load, { ends, clock, signal });
      if (sample === null) return;
      samples.push(sample);
      onSample(sample);
      if (sample.job === null) await sleep(REFUSED_MS);
    }
  };
  try {
    await Promise.all(delaysOf(shape).map(caller));
  } finally {
    ends.close();
  }
  return { samples, tookMs: clock.monotonicMs() - startMs };
}

/** When each caller begins. Milliseconds. */
function delaysOf(shape: Shape): number[] {
  if (shape.kind === "requests") return Array.from({ length: shape.concurrency }, () => 0);
  return Array.from({ length: shape.users }, (_, index) => (index * shape.rampMs) / shape.users);
}

interface Asking extends Pick<DriveOptions, "clock" | "signal"> {
  readonly ends: Awaited<ReturnType<typeof listenForEnds>>;
}

/** Null when it was ended early. */
async function request(
  client: Client,
  { runtime, params }: Load,
  { ends, clock, signal }: Asking,
): Promise<Sample | null> {
  const startMs = clock.monotonicMs();
  const options = { labels: { bench: runtime } };
  let id: number | null = null;
  try {
    ({ id } = await client.call("POST /jobs", { runtime, params, options }));
    const job = await ends.of(id);
    const error = job.state === "succeeded" ? null : (job.reason?.code ?? job.state);
    return { runtime, latencyMs: clock.monotonicMs() - startMs, error, job };
  } catch (error) {
    if (id !== null) await client.call("POST /jobs/:job/cancel", { job: id }).catch(() => undefined);
    if (signal.aborted) return null;
    const failure = toFailure(error);
    if (id !== null || failure.code === "daemon/unreachable") throw failure;
    return { runtime, latencyMs: clock.monotonicMs() - startMs, error: failure.code, job: null };
  }
}

/** @throws Failure usage/invalid when it cannot be told how much is to be asked for */
export function shapeOf(given: {
  readonly requests?: number;
  readonly concurrency?: number;
  readonly users?: number;
  readonly ramp?: number;
  readonly hold?: number;
}): Shape {
  const { requests, concurrency, users, ramp, hold } = given;
  if (users === undefined) {
    if (ramp !== undefined || hold !== undefined)
      throw new Failure("usage/invalid", "--ramp and --hold are for --users", {
        hint: "--users 30 --hold 60s",
      });
    return { kind: "requests", requests: requests ?? 100, concurrency: concurrency ?? 4 };
  }
  if (requests !== undefined || concurrency !== undefined)
    throw new Failure("usage/invalid", "--users says how long, --requests how many: both are given", {
      hint: "--requests 500 --concurrency 12, or --users 30 --ramp 30s --hold 60s",
    });
  return { kind: "users", users, rampMs: ramp ?? 0, holdMs: hold ?? 60_000 };
}
