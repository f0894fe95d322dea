import { createInterface } from "node:readline";
import type { Failure } from "../std/failure.ts";
import type { HelperMessage, HelperOperation, HelperRequest } from "./nvml/nvml-wire.ts";

export interface HelperWork<T> {
  /** Opens the driver, and tells by `stage` how far it came. */
  readonly open: (atStage: (stage: "load" | "init") => void) => Promise<T>;
  readonly driverVersion: (driver: T) => Promise<string | null>;
  readonly operations: Readonly<Partial<Record<HelperOperation, (driver: T) => Promise<unknown>>>>;
  readonly toFailure: (error: unknown) => Failure;
}

/**
 * Runs a program that talks to a driver for the daemon. It is a process of its own because a call into a sick driver
 * can hang for ever; the daemon then leaves this one behind and starts another. Requests come on stdin and answers go to
 * stdout, one JSON document a line (nvml-wire.ts).
 */
export function serveHelper<T>(work: HelperWork<T>): void {
  // The daemon's end decides ours, not a Ctrl-C or a stop meant for the daemon: it still needs readings while it drains.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  process.stdout.on("error", endNow);
  const requests = createInterface({ input: process.stdin });
  requests.on("close", endNow);
  const driver = start(work);
  let last: Promise<void> = Promise.resolve();
  requests.on("line", (line) => {
    last = last.then(() => answer(work, driver, JSON.parse(line)));
  });
}

/**
 * Ends without cleaning up. An orderly exit would wait for the worker threads, and one may be stuck in the driver; the
 * kernel closes the driver's files either way.
 */
function endNow(): void {
  process.kill(process.pid, "SIGKILL");
}

interface Opened<T> {
  readonly driver: T;
}

/** Opens the driver and says hello; null, and no more requests, when that fails. */
async function start<T>(work: HelperWork<T>): Promise<Opened<T> | null> {
  let stage: "load" | "init" = "load";
  try {
    const driver = await work.open((reached) => {
      stage = reached;
    });
    say({ hello: "ready", driverVersion: await work.driverVersion(driver) });
    return { driver };
  } catch (error) {
    say({ hello: "failed", stage, failure: work.toFailure(error).toBody() });
    return null;
  }
}

async function answer<T>(
  work: HelperWork<T>,
  opening: Promise<Opened<T> | null>,
  { id, op }: HelperRequest,
): Promise<void> {
  const opened = await opening;
  if (!opened) return;
  try {
    say({ id, ok: true, value: (await work.operations[op]?.(opened.driver)) ?? [] });
  } catch (error) {
    say({ id, ok: false, failure: work.toFailure(error).toBody() });
  }
}

function say(message: HelperMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
