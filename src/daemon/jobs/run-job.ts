import { setTimeout as sleep } from "node:timers/promises";
import { listParts, liveStart } from "../../log/log-parts.ts";
import type { Mask } from "../../log/mask.ts";
import type { Effect } from "../../scheduler/effects.ts";
import type { RunOutcome } from "../../scheduler/events.ts";
import { unreachable } from "../../std/assert.ts";
import { ownCorrelation } from "../../std/correlation.ts";
import type { JobEvent, JobHandover, JobOutcome, WorkerProtocol } from "../../worker/protocol.ts";
import { createWrittenText } from "../../worker/written-text.ts";
import { exchangeFiles } from "../containers/exchange.ts";
import { openRelayedLog } from "../logs/relayed-log.ts";
import { createTextLines } from "../logs/text-lines.ts";
import { handOverOutput, openOutput } from "../users/ownership.ts";
import { contactOf } from "../workers/contact.ts";
import { stopSurely } from "../workers/stop-surely.ts";
import type { World } from "../world.ts";

type RunJob = Extract<Effect, { type: "run-job" }>;

/** A stream that broke is picked up again this often, this far apart, while the worker lives. */
const ATTACH_TRIES = 5;
const ATTACH_DELAY_MS = 200;
const BROKEN_STOP_MS = 2_000;

/**
 * Hands a job to its worker and follows it to its end. A stream that breaks while the worker lives is attached to
 * again: the job must not run twice. If that fails, or a server that cannot be attached to is broken, the worker is
 * stopped, and its exit tells what becomes of the job.
 */
export async function runJob(
  world: World,
  { workerId, jobId, attempt }: RunJob,
  inherited: boolean,
): Promise<void> {
  const hand = world.hands.get(workerId);
  const worker = world.state().workers.get(workerId);
  const row = world.queries.job(jobId);
  if (!hand || !worker || !row) return;
  if (hand.inherited) await hand.settled;
  const correlation = row.correlation ?? ownCorrelation(world.instanceId, jobId);
  const mask = world.secrets.ofJob(row);
  const contact = contactOf(world, workerId);
  // Output folders are not made here: most jobs leave no file, and two for each of a million would fill 8 GB of disk.
  const files = await exchangeFiles(world, contact, { jobId, params: row.params }).catch(toError);
  if (files instanceof Error) return reportNoFiles(world, jobId, attempt, files);
  const { params, outputDir, takeOut } = files;
  const job: JobHandover = { jobId, attempt, fence: worker.fence, params, outputDir, correlation };
  const protocol = world.protocolOf(contact);
  openOutput(world, jobId);
  if (inherited && !protocol.attaches) return reportLost(world, jobId, attempt);
  for (let tries = 0; tries < ATTACH_TRIES && !hand.isGone; tries++) {
    const from = inherited || tries > 0 ? await packedBytes(world, jobId, attempt) : 0;
    const listener = createJobListener(world, job, { mask, from });
    const outcome = await protocol.run(contact.endpoint, job, (event) => {
      hand.heardAtMs = world.clock.monotonicMs();
      listener.hear(event);
    });
    listener.close();
    const isLost =
      outcome.kind === "lost" && (protocol.attaches || (await isBroken(protocol, contact.endpoint)));
    if (!isLost) {
      world.measure(worker);
      const trouble = await takeOut().catch(toError);
      if (trouble !== undefined) return reportNoFiles(world, jobId, attempt, trouble);
      handOverOutput(world, row, attempt);
      return world.report({ type: "job-ended", jobId, attempt, outcome: toRunOutcome(outcome, mask) });
    }
    const why = mask.hideText(outcome.message);
    world.log.warn({ jobId, attempt, correlation, worker: worker.name, why }, "lost touch with a job");
    await sleep(ATTACH_DELAY_MS);
    if (!protocol.attaches) break;
  }
  if (hand.isGone || hand.identity === null) return;
  hand.note = "it did not answer for its job any more";
  await stopSurely(world, hand, BROKEN_STOP_MS);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A file that went, or a full disk: the job fails with the reason, and its worker goes on. */
function reportNoFiles(world: World, jobId: number, attempt: number, { message }: Error): void {
  const text = `its files could not be moved into or out of its container: ${message}`;
  const outcome: RunOutcome = {
    kind: "failed",
    exitCode: null,
    message: text,
    output: null,
    artifacts: null,
  };
  world.report({ type: "job-ended", jobId, attempt, outcome });
}

/** Whether a server that lost a job can serve no other one: then it is better stopped than asked again. */
async function isBroken(protocol: WorkerProtocol, endpoint: string): Promise<boolean> {
  const health = await protocol.health(endpoint, BROKEN_STOP_MS);
  return health === null || health.status === "failed";
}

/** The connection of a server that cannot be attached to ended with the daemon before. */
function reportLost(world: World, jobId: number, attempt: number): void {
  const message = "the daemon was restarted while the server worked on it";
  const outcome: RunOutcome = { kind: "lost", exitCode: null, message, output: null, artifacts: null };
  world.report({ type: "job-ended", jobId, attempt, outcome });
}

function toRunOutcome(outcome: JobOutcome, mask: Mask): RunOutcome {
  switch (outcome.kind) {
    case "succeeded":
      return {
        kind: "succeeded",
        exitCode: 0,
        message: null,
        output: outcome.output,
        artifacts:
          outcome.artifacts.length === 0 ? null : outcome.artifacts.map((artifact) => ({ ...artifact })),
      };
    case "failed":
      return { ...withoutResult(outcome, mask), cause: outcome.cause };
    case "cancelled":
    case "lost":
      return withoutResult(outcome, mask);
    default:
      return unreachable(outcome);
  }
}

function withoutResult(outcome: Exclude<JobOutcome, { kind: "succeeded" }>, mask: Mask): RunOutcome {
  const { kind, message } = outcome;
  return { kind, exitCode: null, message: mask.hideText(message), output: null, artifacts: null };
}

/** Of a job that was handed over before: a log that has been packed away so far is not written a second time. */
async function packedBytes({ places }: World, jobId: number, attempt: number): Promise<number> {
  return liveStart(await listParts(places.attemptLog(jobId, attempt)));
}

/** Writes a job's log lines to its file and notes its progress and its text, whole lines of which are in the log, too. */
function createJobListener(
  world: World,
  { jobId, attempt, correlation }: JobHandover,
  { mask, from }: { readonly mask: Mask; readonly from: number },
) {
  const log = openRelayedLog(world.places.attemptLog(jobId, attempt), {
    mask,
    from,
    onLoss: (error) =>
      world.log.warn({ jobId, correlation, err: error }, "lines of a job's log could not be written"),
  });
  const lines = createTextLines((line) => log.write(line));
  const written = createWrittenText();
  return {
    hear(event: JobEvent): void {
      if (event.type === "log") log.write(event.text);
      if (event.type === "text") {
        lines.add(event.text);
        // Of a server's text that is too long for this, the rest comes with its output.
        if (written.add(event.text)) world.noteWritten(jobId, { attempt, text: written.text() });
      }
      if (event.type !== "progress") return;
      const text = event.text === null ? null : mask.hideText(event.text);
      world.noteProgress(jobId, { fraction: event.fraction, text });
    },
    close() {
      lines.end();
      log.close();
    },
  };
}
