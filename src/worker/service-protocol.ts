import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../std/failure.ts";
import { type ArtifactFolder, createArtifactFolder } from "./artifact-folder.ts";
import { saysOutOfMemory } from "./out-of-memory.ts";
import type { Health, JobEvent, JobHandover, JobOutcome, Sleeper, WorkerProtocol } from "./protocol.ts";
import { LostTouch, type ServiceConnection } from "./service-connection.ts";

/** A job on its way through a server. */
export interface ServiceJob {
  /** Unique among all jobs and attempts, and fit for a path. */
  readonly key: string;
  /** Headers of its request, with the job's correlation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly params: JobHandover["params"];
  readonly folder: ArtifactFolder;
  /** Aborts when the job is given up. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: JobEvent) => void;
}

/** What is special about one kind of server. */
export interface ServiceDialect {
  readonly name: Exclude<WorkerProtocol["name"], "orch">;
  /** How such servers sleep; left out: they do not. */
  readonly sleeper?: Sleeper;
  /** As WorkerProtocol.health, until `signal` aborts. Never rejects. */
  health(signal: AbortSignal): Promise<Health | null>;
  /** @returns the job's output. @throws Failure when it failed, LostTouch when nobody knows */
  run(job: ServiceJob): Promise<Parameters<ArtifactFolder["settleOutput"]>[0]>;
  /** Tells the server to stop a job; false where it has no way to be told but a closed connection. Never rejects. */
  stop(key: string): Promise<boolean>;
}

/** How long a server that was told to stop a job may take to end its answer. */
const STOP_MS = 10_000;

interface Running {
  readonly key: string;
  readonly abort: AbortController;
  readonly ended: Promise<JobOutcome>;
  isCancelled: boolean;
}

/**
 * The protocol of one server that was not written for orch. Such a server cannot be asked for a job that was handed
 * over before: its connection is the job.
 */
export function createServiceProtocol(
  connection: ServiceConnection,
  dialect: ServiceDialect,
): WorkerProtocol {
  const running = new Map<number, Running>();

  const run: WorkerProtocol["run"] = async (_endpoint, job, onEvent) => {
    const abort = new AbortController();
    const key = `orch-${job.jobId}-${job.attempt}`;
    const ended = runJob(dialect, job, { key, signal: abort.signal, onEvent });
    const entry: Running = { key, abort, ended, isCancelled: false };
    running.set(job.jobId, entry);
    const outcome = await ended;
    if (running.get(job.jobId) === entry) running.delete(job.jobId);
    return entry.isCancelled ? { kind: "cancelled", message: "the job was cancelled" } : outcome;
  };

  return {
    name: dialect.name,
    attaches: false,
    sleeper: dialect.sleeper ?? null,
    health: (_endpoint, deadlineMs) =>
      dialect.health(AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs)))),
    run,
    async cancel(_endpoint, jobId) {
      const entry = running.get(jobId);
      if (entry === undefined || entry.isCancelled) return;
      entry.isCancelled = true;
      if (await dialect.stop(entry.key)) await withinStopTime(entry.ended);
      entry.abort.abort();
    },
    forget() {
      for (const { abort } of running.values()) abort.abort();
      connection.close();
    },
  };
}

async function runJob(
  dialect: ServiceDialect,
  { params, outputDir, correlation }: JobHandover,
  rest: Pick<ServiceJob, "key" | "signal" | "onEvent">,
): Promise<JobOutcome> {
  const folder = createArtifactFolder(outputDir, rest.onEvent);
  // Not X-Request-Id: there are servers that refuse one that is no UUID.
  const headers = { "x-orch-correlation": correlation };
  try {
    const output = await folder.settleOutput(await dialect.run({ ...rest, headers, params, folder }));
    return { kind: "succeeded", output, artifacts: folder.artifacts };
  } catch (error) {
    return outcomeOf(error, rest.signal);
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): JobOutcome {
  if (signal.aborted) return { kind: "lost", message: "the connection to the server was given up" };
  if (error instanceof LostTouch) return { kind: "lost", message: error.message };
  const message =
    error instanceof Failure ? error.sentence : `orch could not read the answer: ${String(error)}`;
  return saysOutOfMemory(message)
    ? { kind: "failed", message, cause: "out-of-memory" }
    : { kind: "failed", message };
}

async function withinStopTime(ended: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = sleep(STOP_MS, undefined, { signal: timer.signal, ref: false }).catch(() => undefined);
  await Promise.race([ended, late]);
  timer.abort();
}
