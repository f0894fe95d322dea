import { errnoOf, Failure } from "../std/failure.ts";
import { messageIn } from "./answer-error.ts";
import type { Health } from "./protocol.ts";
import { type Probe, probe, type ServiceConnection } from "./service-connection.ts";

/** The health of a server that can be given jobs. */
export const ready: Health = { status: "ready", detail: null, vramBytes: null };

/** The health of a server that cannot be given jobs yet. */
export function starting(detail: string): Health {
  return { status: "starting", detail, vramBytes: null };
}

/** The health of a server that never can. */
export function failed(detail: string): Health {
  return { status: "failed", detail, vramBytes: null };
}

/**
 * What a probe means that is no success. Not `failed` at once: another program may just be using the port, and a proxy
 * in the container may answer before the server does. The deadline decides.
 * @returns null when nobody (able to answer) is there
 */
export function unready(path: string, answer: Probe): Health | null {
  if (answer.status === null) {
    // An answer came, and it was one that nobody can take.
    if (answer.error instanceof Failure) return starting(answer.error.message);
    // HPE_…: bytes came, but not HTTP.
    const isNoHttp = errnoOf(answer.error)?.startsWith("HPE_") === true;
    return isNoHttp ? starting("the server does not speak HTTP") : null;
  }
  const message = messageIn(answer.text);
  return starting(
    `the server answers GET ${path} with ${answer.status}${message === "" ? "" : `: ${message}`}`,
  );
}

/** Asks a path that answers with 2xx once jobs can be served. */
export async function probeReadyPath(
  connection: ServiceConnection,
  path: string,
  signal: AbortSignal,
): Promise<Health | null> {
  const answer = await probe(connection, path, signal);
  return isGood(answer) ? ready : unready(path, answer);
}

/** Whether a probe was answered with 2xx. */
export function isGood(answer: Probe): answer is Extract<Probe, { status: number }> {
  return answer.status !== null && answer.status >= 200 && answer.status < 300;
}
