import type { Exit } from "../../engine/engine.ts";
import type { RunOutcome } from "../../scheduler/events.ts";
import type { Job } from "../../scheduler/job-model.ts";
import type { Worker } from "../../scheduler/model.ts";
import type { Json } from "../../std/json.ts";
import { listArtifacts } from "../../worker/artifacts.ts";
import { followExecEvents } from "../../worker/exec-events.ts";
import { createWrittenText } from "../../worker/written-text.ts";
import { ranOutOfMemory } from "../gpus/memory-trouble.ts";
import { lastLines } from "../logs/last-lines.ts";
import { handOverOutput } from "../users/ownership.ts";
import type { World } from "../world.ts";

/** Follows what a one-shot program says of itself, until its end. */
export interface EventTail {
  /** Reads what is left; the output it gave last, if any. */
  finish(): Promise<Json>;
}

/** Commands say nothing but their log; programs of protocol `exec` append events to a file. */
export function followOneShot(world: World, worker: Worker): EventTail {
  if (worker.lane.spec.runtime === "run") return { finish: () => Promise.resolve(null) };
  const [job] = worker.jobs;
  let output: Json = null;
  const written = createWrittenText();
  const follower = followExecEvents(world.places.eventsFile(worker.id), (event) => {
    if (event.type === "output") output = event.output;
    if (event.type === "progress" && job)
      world.noteProgress(job.id, { fraction: event.fraction, text: hidden(world, job, event.text) });
    if (event.type === "text" && job && written.add(event.text))
      world.noteWritten(job.id, { attempt: job.attempts, text: written.text() });
  });
  return {
    async finish() {
      await follower.stop();
      return output ?? (written.text() || null);
    },
  };
}

/** What a program says, without its secrets. */
function hidden<T extends string | null>(world: World, { id, lane }: Job, text: T): T {
  const mask = world.secrets.ofJob({ id, runtime: lane.spec.runtime });
  return text === null ? text : (mask.hideText(text) as T);
}

/** A program that fails has mostly just said why. */
function explainExit(world: World, job: Job | undefined, exit: Exit): string {
  const what = exit.detail ?? `it ended with exit code ${exit.exitCode}`;
  const words = job ? lastLines(world.places.attemptLog(job.id, job.attempts), 1) : "";
  if (!job || words === "") return what;
  return `${what}; its last words: ${hidden(world, job, words)}`;
}

/** How the one job of a worker came out, from the exit of its program. */
export async function oneShotResult(
  world: World,
  worker: Worker,
  exit: Exit,
  tail: EventTail,
): Promise<RunOutcome> {
  const output = await tail.finish();
  const [job] = worker.jobs;
  const isCommand = worker.lane.spec.runtime === "run";
  const listed = isCommand || !job ? [] : await listArtifacts(world.places.jobOutputDir(job.id));
  const artifacts = listed.length === 0 ? null : listed.map((artifact) => ({ ...artifact }));
  const row = isCommand || !job ? undefined : world.queries.job(job.id);
  if (job && row) handOverOutput(world, row, job.attempts);
  const { exitCode } = exit;
  if (exitCode === null) {
    return { kind: "lost", exitCode, message: exit.detail ?? "nobody knows how it ended", output, artifacts };
  }
  if (exitCode === 0) return { kind: "succeeded", exitCode, message: null, output, artifacts };
  const message = explainExit(world, job, exit);
  const isTooSmall =
    worker.leases.length > 0 &&
    job &&
    ranOutOfMemory(exitCode, world.places.attemptLog(job.id, job.attempts));
  const cause = isTooSmall ? "out-of-memory" : undefined;
  return { kind: "failed", exitCode, message, output, artifacts, cause };
}
