/**
 * The program that talks to the NVIDIA driver for the daemon: `node nvml-helper.js [library]`. It is a process of
 * its own because a call into a sick driver can hang for ever; the daemon then leaves this one behind and starts
 * another. Requests come on stdin and answers go to stdout, one JSON document a line (nvml-wire.ts).
 */
import { createInterface } from "node:readline";
import { Failure, toFailure } from "../std/failure.ts";
import { bindNvmlCalls, type NvmlCalls } from "./nvml-calls.ts";
import { readDeviceProcesses, readDevices } from "./nvml-devices.ts";
import { NvmlError, openNvmlLibrary } from "./nvml-library.ts";
import { readTopology } from "./nvml-topology.ts";
import type { HelperMessage, HelperOperation, HelperRequest } from "./nvml-wire.ts";

const operations: Record<HelperOperation, (calls: NvmlCalls) => Promise<unknown>> = {
  read: readDevices,
  processes: readDeviceProcesses,
  topology: readTopology,
};

// The daemon's end decides ours, not a Ctrl-C or a stop meant for the daemon: it still needs readings while it drains.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.stdout.on("error", endNow);

const requests = createInterface({ input: process.stdin });
requests.on("close", endNow);
const nvml = start(process.argv[2] ?? null);
let last: Promise<void> = Promise.resolve();
requests.on("line", (line) => {
  last = last.then(() => answer(JSON.parse(line)));
});

/**
 * Ends without cleaning up. An orderly exit would wait for the worker thread, and that one may be stuck in the
 * driver; the kernel closes the driver's files either way.
 */
function endNow(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Opens NVML and says hello; null, and no more requests, when that fails. */
async function start(libraryPath: string | null): Promise<NvmlCalls | null> {
  let stage: "load" | "init" = "load";
  try {
    const calls = bindNvmlCalls(await openNvmlLibrary(libraryPath));
    stage = "init";
    await calls.init();
    say({ hello: "ready", driverVersion: await calls.driverVersion().catch(() => null) });
    return calls;
  } catch (error) {
    say({ hello: "failed", stage, failure: nvmlFailure(error).toBody() });
    return null;
  }
}

async function answer({ id, op }: HelperRequest): Promise<void> {
  const calls = await nvml;
  if (!calls) return;
  try {
    say({ id, ok: true, value: await operations[op](calls) });
  } catch (error) {
    say({ id, ok: false, failure: nvmlFailure(error).toBody() });
  }
}

function nvmlFailure(error: unknown): Failure {
  if (!(error instanceof NvmlError)) return toFailure(error);
  return new Failure("gpu/unavailable", `the NVIDIA driver refuses: ${error.message}`, {
    hint: "nvidia-smi",
  });
}

function say(message: HelperMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
