import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkParams } from "../../runtime/check-params.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Worker } from "../../scheduler/model.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { JobOutcome } from "../../worker/protocol.ts";
import { makeExchangeFolder } from "../containers/exchange.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";
import type { Contact } from "./contact.ts";

/** Jobs are numbered from 1: this one is nobody's. */
const WARM_UP_JOB = 0;

/**
 * Runs the job that a runtime declares as its warm-up, so that the first caller does not pay for lazy loading, kernels
 * that are compiled at first use, or a model that loads and then cannot work. Its output is discarded.
 * @throws Failure worker/failed when it fails or takes longer than `deadlineMs`
 */
export async function warmUp(
  world: World,
  { worker, hand, contact }: { readonly worker: Worker; readonly hand: Hand; readonly contact: Contact },
  runtime: Runtime,
  deadlineMs: number,
): Promise<void> {
  if (runtime.warmUp === null) return;
  const { endpoint } = contact;
  const protocol = world.protocolOf(contact);
  const outputDir = contact.exchange
    ? makeExchangeFolder(world, contact.exchange, "warm-up").outputDir
    : path.join(world.places.workerDir(worker.id), "warm-up");
  const params = paramsOf(worker, runtime, runtime.warmUp);
  const correlation = `warm-up-${worker.name}`;
  const job = { jobId: WARM_UP_JOB, attempt: 1, fence: worker.fence, params, outputDir, correlation };
  const given = new AbortController();
  const late = sleep(Math.max(1, deadlineMs), null, { signal: given.signal, ref: false }).catch(() => null);
  const outcome = await Promise.race([protocol.run(endpoint, job, () => {}), late]);
  given.abort();
  fs.rmSync(outputDir, { recursive: true, force: true });
  if (outcome?.kind === "succeeded" || hand.abort.signal.aborted || hand.isGone) return;
  if (outcome === null) void protocol.cancel(endpoint, WARM_UP_JOB);
  throw new Failure("worker/failed", "its warm-up job failed", { why: whyOf(outcome, deadlineMs) });
}

function whyOf(outcome: Exclude<JobOutcome, { kind: "succeeded" }> | null, deadlineMs: number): string {
  return outcome === null
    ? `it was not done ${formatDurationMs(deadlineMs)} later, when the start's time was up`
    : outcome.message;
}

/** What the worker was loaded with, and for the others what the warm-up gives or their defaults. */
function paramsOf(worker: Worker, runtime: Runtime, given: Readonly<Record<string, Json>>) {
  const load = JSON.parse(worker.lane.spec.load) as Record<string, Json>;
  const others = Object.entries(runtime.params).filter(([, param]) => !param.load);
  return { ...load, ...checkParams({ ...runtime, params: Object.fromEntries(others) }, given) };
}
