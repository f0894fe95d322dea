import type { Rng } from "../std/rng.ts";
import type { VirtualDaemon } from "./virtual-daemon.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { VirtualGpu } from "./virtual-machine.ts";

/** The driver says of a GPU that it needs a person. What runs there may go on for a while. */
export function fallSick(rng: Rng, host: VirtualHost): void {
  const gpu = rng.pick([...host.gpus.values()]);
  const code = rng.pick(["xid", "reset-required", "lost"] as const);
  gpu.fault = { code, text: code };
  if (code === "lost") gpu.healthy = false;
}

/** A person looks at a GPU, resets it or kills what hangs there, and puts it back, whether it was in quarantine or not. */
export function mend(host: VirtualHost, daemon: VirtualDaemon, gpu: VirtualGpu): void {
  gpu.fault = null;
  gpu.healthy = true;
  gpu.residueBytes -= gpu.stuckBytes;
  gpu.stuckBytes = 0;
  for (const program of [...host.live]) {
    const isHere = program.claims.length === 0 || program.claims.some((claim) => claim.gpu === gpu);
    if (program.isStuck && isHere) host.unstick(program);
  }
  clearAll(host, daemon);
}

/**
 * Puts GPUs back that are in quarantine and that nothing is seen to be wrong with: whoever asks for it has the daemon look
 * first. It may have been down when somebody asked last.
 */
export function clearAll(host: VirtualHost, daemon: VirtualDaemon): void {
  daemon.sample();
  if (host.driverHangs) return;
  for (const { uuid, quarantine } of daemon.state?.gpus.values() ?? [])
    if (quarantine !== null && isInOrder(host.gpus.get(uuid))) daemon.ask({ type: "clear-gpu", gpu: uuid });
}

function isInOrder(gpu: VirtualGpu | undefined): boolean {
  return gpu?.healthy === true && gpu.fault === null;
}
