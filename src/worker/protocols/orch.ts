import type { IncomingMessage } from "node:http";
import { Agent } from "node:http";
import { z } from "zod";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { WorkerRequest } from "../http-request.ts";
import { readBody, sendToWorker } from "../http-request.ts";
import { parseJobEvent } from "../job-event.ts";
import { lost, readJobStream } from "../job-stream.ts";
import type { Health, JobHandover, JobOutcome, Nap, WorkerProtocol } from "../protocol.ts";
import { sleepFailure } from "../sleep-failure.ts";

const HealthBody = z.object({
  status: z.enum(["starting", "ready", "asleep", "failed"]),
  detail: z.string().nullable().default(null),
  vramBytes: z.number().nonnegative().nullable().default(null),
});
const MAX_BODY_BYTES = 64 * 1024;
const CANCEL_DEADLINE_MS = 5_000;

type Ask = (
  endpoint: string,
  request: Omit<WorkerRequest, "endpoint" | "agent">,
) => Promise<IncomingMessage | Error>;

/**
 * The protocol `orch`: HTTP/1.1 on a Unix socket (or a loopback port), events as NDJSON. Connections are kept alive,
 * one pool per worker; node:http adds some 0.05 ms per job to a bare socket, which is not worth a parser of our own.
 */
export function createOrchProtocol(): WorkerProtocol {
  const agents = new Map<string, Agent>();
  const ask: Ask = (endpoint, request) => {
    const agent = agents.get(endpoint) ?? new Agent({ keepAlive: true });
    agents.set(endpoint, agent);
    return sendToWorker({ ...request, endpoint, agent });
  };
  return {
    name: "orch",
    attaches: true,
    sleeper: {
      sleep: (endpoint, nap) => move(ask, endpoint, "sleep", nap),
      wake: (endpoint, nap) => move(ask, endpoint, "wake", nap),
    },
    health: (endpoint, deadlineMs) => readHealth(ask, endpoint, deadlineMs),
    run: (endpoint, job, onEvent) => runJob(ask, endpoint, job, onEvent),
    async cancel(endpoint, jobId) {
      const signal = AbortSignal.timeout(CANCEL_DEADLINE_MS);
      const answer = await ask(endpoint, { method: "DELETE", path: `/jobs/${jobId}`, body: null, signal });
      // A worker that cannot be asked ends the job's stream too, so `run` tells.
      if (!(answer instanceof Error)) await readBody(answer, MAX_BODY_BYTES);
    },
    forget(endpoint) {
      agents.get(endpoint)?.destroy();
      agents.delete(endpoint);
    },
  };
}

/** @throws Failure as `Sleeper` says */
async function move(ask: Ask, endpoint: string, what: "sleep" | "wake", { deadlineMs }: Nap): Promise<void> {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs)));
  const answer = await ask(endpoint, { method: "POST", path: `/${what}`, body: null, signal });
  if (answer instanceof Error) throw sleepFailure(what, signal, deadlineMs, answer.message);
  const text = await readBody(answer, MAX_BODY_BYTES);
  if (answer.statusCode === 200 && text !== null) return;
  if (answer.statusCode === 404 || answer.statusCode === 501)
    throw new Failure("worker/no-sleep", "its handler has no sleep() and wake()");
  throw sleepFailure(what, signal, deadlineMs, wordsOf(text) ?? `HTTP ${answer.statusCode ?? "?"}`);
}

/** What the SDK says of trouble: `{ "error": … }`, or the refusal of a job. */
function wordsOf(text: string | null): string | null {
  try {
    const words = z.object({ error: z.string() }).or(z.object({ message: z.string() }));
    const { data } = words.safeParse(JSON.parse(text ?? ""));
    return data === undefined ? null : "error" in data ? data.error : data.message;
  } catch {
    return null;
  }
}

async function readHealth(ask: Ask, endpoint: string, deadlineMs: number): Promise<Health | null> {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs)));
  const answer = await ask(endpoint, { method: "GET", path: "/healthz", body: null, signal });
  if (answer instanceof Error) {
    // HPE_…: bytes came, but not HTTP. All else means that nobody (able to answer) is there.
    return errnoOf(answer)?.startsWith("HPE_") === true ? notUnderstood("does not speak HTTP") : null;
  }
  const body = await readBody(answer, MAX_BODY_BYTES);
  if (answer.statusCode !== 200)
    return notUnderstood(`answers GET /healthz with ${answer.statusCode ?? "?"}`);
  return (
    parseHealth(body ?? "") ?? notUnderstood("does not speak the worker protocol: bad answer to GET /healthz")
  );
}

/** Not `failed`: another program may just be using the port while ours starts. The deadline decides. */
function notUnderstood(what: string): Health {
  return { status: "starting", detail: `the worker ${what}`, vramBytes: null };
}

function parseHealth(body: string): Health | null {
  try {
    return HealthBody.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}

async function runJob(
  ask: Ask,
  endpoint: string,
  job: JobHandover,
  onEvent: Parameters<WorkerProtocol["run"]>[2],
): Promise<JobOutcome> {
  const { attempt, fence, params, outputDir, correlation } = job;
  // No deadline: a job may be silent for hours. The engine tells when its worker is gone, and then the socket closes.
  const body = JSON.stringify({ attempt, fence, params, outputDir, correlation });
  const answer = await ask(endpoint, { method: "POST", path: `/jobs/${job.jobId}`, body, signal: null });
  if (answer instanceof Error) return lost(`the worker cannot be reached: ${answer.message}`);
  if (answer.statusCode === 200) return readJobStream(answer, onEvent);
  const text = await readBody(answer, MAX_BODY_BYTES);
  const refusal = text === null ? null : parseJobEvent(text.trim());
  const why =
    refusal?.type === "error" ? `${refusal.code}: ${refusal.message}` : `HTTP ${answer.statusCode ?? "?"}`;
  return lost(`the worker refused the job (${why})`);
}
