import { readFile, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startDeadline } from "../../std/deadline-signal.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Destination } from "../../tasks/job-wishes.ts";

/** Where results may be sent. */
export interface DeliverySettings {
  /** Hosts, or hosts with ports, to which results may be sent. */
  readonly hosts: readonly string[];
  /** Ports of this daemon's own results, with what stands before their paths. */
  readonly own: readonly { readonly port: number; readonly prefix: string }[];
}

export interface Parcel {
  readonly taskId: string;
  readonly workerId: string | null;
  readonly result: Json;
  /** Paths of the files that go with it. */
  readonly files: readonly string[];
}

type HttpDestination = Extract<Destination, { type: "http" }>;

const TRIES = 3;
const FIRST_WAIT_MS = 500;
const MOST_FILE_BYTES = 256 * 2 ** 20;
const METHODS = ["POST", "PUT", "PATCH"];
/** They would lead elsewhere than the address does, or spoil the message. */
const OWN_HEADERS =
  /^(host|connection|content-length|transfer-encoding|upgrade|proxy-.*|expect|te|trailer)$/i;
const OWN_HOSTS = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];

/** Whether a host of an address is this one: by one of the names above, by its own name, or by an address that it has now. */
function isThisHost(hostname: string): boolean {
  if (OWN_HOSTS.includes(hostname) || hostname === os.hostname().toLowerCase()) return true;
  const bare = hostname.replace(/^\[|\]$/g, "");
  return Object.values(os.networkInterfaces()).some((each) => each?.some(({ address }) => address === bare));
}

/** Whether an address names the results of this daemon itself: what is there already is not sent. */
export function isOwn(url: string, { own }: DeliverySettings): boolean {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol !== "http:" || !isThisHost(hostname)) return false;
  return own.some(
    (place) =>
      Number(port || 80) === place.port && pathname.replace(/\/$/, "") === `${place.prefix}/api/v1/results`,
  );
}

/** @throws Failure task/invalid when results may not be sent there */
export function refuseDestination(destination: Destination, settings: DeliverySettings): void {
  if (destination.type === "local") return;
  const field = "Invalid field spec.output.destination";
  if (!METHODS.includes(destination.method))
    throw new Failure("task/invalid", `${field}.method: expected one of ${METHODS.join(", ")}`);
  const url = URL.canParse(destination.url) ? new URL(destination.url) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Failure("task/invalid", `${field}.url: expected an http or https address`);
  if (url.username !== "" || url.password !== "")
    throw new Failure("task/invalid", `${field}.url: it holds a user name or password`);
  const odd = Object.keys(destination.headers).find((name) => OWN_HEADERS.test(name));
  if (odd !== undefined)
    throw new Failure("task/invalid", `${field}.headers: ${odd.toLowerCase()} cannot be set`);
  if (
    isOwn(destination.url, settings) ||
    settings.hosts.includes(url.host) ||
    settings.hosts.includes(url.hostname)
  )
    return;
  throw new Failure("task/invalid", `${field}.url: results may not be sent to ${url.host}`, {
    why: "the daemon sends nothing to hosts that its config does not name",
    hint: `set tasks: { deliverTo: ["${url.host}"] } in config.yaml`,
  });
}

/**
 * Sends a result, and its files after it, to a host that may have them; three tries. Redirects are not followed.
 * @throws Failure service/failed
 */
export async function deliver(
  destination: HttpDestination,
  parcel: Parcel,
  signal: AbortSignal,
): Promise<void> {
  const { taskId, workerId, result } = parcel;
  const body = JSON.stringify({ task_id: taskId, result, worker_id: workerId });
  const headers = { ...destination.headers, "content-type": "application/json" };
  await send(destination, destination.url, { headers, body }, signal);
  for (const file of parcel.files) {
    if ((await stat(file)).size > MOST_FILE_BYTES) continue;
    const form = new FormData();
    form.set("file", new Blob([await readFile(file)]), path.basename(file));
    const { "content-type": _type, ...plain } = destination.headers;
    await send(
      { ...destination, method: "POST" },
      `${destination.url}/${taskId}/files`,
      { headers: plain, body: form },
      signal,
    );
  }
}

async function send(
  { method, timeoutMs }: HttpDestination,
  url: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body: string | FormData },
  signal: AbortSignal,
): Promise<void> {
  for (let left = TRIES - 1; ; left -= 1) {
    const deadline = startDeadline(timeoutMs, signal);
    try {
      const answer = await fetch(url, {
        ...{ method, headers, body, redirect: "error" },
        signal: deadline.signal,
      });
      await answer.body?.cancel();
      if (answer.ok) return;
      throw new Failure("service/failed", `the result could not be delivered: HTTP ${answer.status}`);
    } catch (error) {
      if (left <= 0 || signal.aborted) throw undelivered(error);
      await sleep(FIRST_WAIT_MS * 2 ** (TRIES - 1 - left), undefined, { signal });
    } finally {
      deadline.end();
    }
  }
}

function undelivered(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const cause =
    error instanceof Error && error.cause instanceof Error ? error.cause.message : toFailure(error).message;
  return new Failure("service/failed", "the result could not be delivered", { why: cause });
}
