import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Effect } from "../scheduler/effects.ts";
import type { RunOutcome } from "../scheduler/events.ts";
import { unreachable } from "../std/assert.ts";
import type { JobEvent, JobHandover, JobOutcome } from "../worker/protocol.ts";
import { contactOf } from "./contact.ts";
import type { World } from "./world.ts";

type RunJob = Extract<Effect, { type: "run-job" }>;

/** A stream that broke is picked up again this often, this far apart, while the worker lives. */
const ATTACH_TRIES = 5;
const ATTACH_DELAY_MS = 200;
const BROKEN_STOP_MS = 2_000;

/**
 * Hands a job to its worker and follows it to its end. A stream that breaks while the worker lives is attached to
 * again: the job must not run twice. If that fails the worker is stopped, and its exit tells what becomes of the job.
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
  // Not made here: most jobs leave no file, and two empty folders for each of a million would fill 8 GB of disk.
  const outputDir = world.places.jobOutputDir(jobId);
  const job: JobHandover = { jobId, attempt, fence: worker.fence, params: row.params, outputDir };
  const contact = contactOf(world, workerId);
  const protocol = world.protocolOf(contact);
  if (inherited && !protocol.attaches) return reportLost(world, jobId, attempt);
  for (let tries = 0; tries < ATTACH_TRIES && !hand.isGone; tries++) {
    const listener = createJobListener(world, jobId, attempt);
    const outcome = await protocol.run(contact.endpoint, job, listener.hear);
    listener.close();
    if (outcome.kind !== "lost" || !protocol.attaches) {
      world.measure(worker);
      return world.report({ type: "job-ended", jobId, attempt, outcome: toRunOutcome(outcome) });
    }
    world.log.warn({ jobId, attempt, worker: worker.name, why: outcome.message }, "lost touch with a job");
    await sleep(ATTACH_DELAY_MS);
  }
  if (hand.isGone || hand.identity === null) return;
  hand.note = "it did not answer for its job any more";
  await world.engine.ensureStopped(world.places.workerDir(workerId), hand.identity, BROKEN_STOP_MS);
}

/** The connection of a server that cannot be attached to ended with the daemon before. */
function reportLost(world: World, jobId: number, attempt: number): void {
  const message = "the daemon was restarted while the server worked on it";
  const outcome: RunOutcome = { kind: "lost", exitCode: null, message, output: null, artifacts: null };
  world.report({ type: "job-ended", jobId, attempt, outcome });
}

function toRunOutcome(outcome: JobOutcome): RunOutcome {
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
      return { ...withoutResult(outcome), cause: outcome.cause };
    case "cancelled":
    case "lost":
      return withoutResult(outcome);
    default:
      return unreachable(outcome);
  }
}

function withoutResult({ kind, message }: Exclude<JobOutcome, { kind: "succeeded" }>): RunOutcome {
  return { kind, exitCode: null, message, output: null, artifacts: null };
}

/** Writes a job's log lines to its file and notes its progress. A replayed stream begins its file anew. */
function createJobListener(world: World, jobId: number, attempt: number) {
  let fd: number | null = null;
  const open = (): number => {
    const file = world.places.attemptLog(jobId, attempt);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    return fs.openSync(file, "w", 0o600);
  };
  return {
    hear(event: JobEvent): void {
      if (event.type === "progress")
        world.noteProgress(jobId, { fraction: event.fraction, text: event.text });
      if (event.type !== "log") return;
      try {
        fd ??= open();
        fs.writeSync(fd, event.text.endsWith("\n") ? event.text : `${event.text}\n`);
      } catch (error) {
        world.log.warn({ jobId, err: error }, "a line of a job's log could not be written");
      }
    },
    close(): void {
      if (fd !== null) fs.closeSync(fd);
    },
  };
}
