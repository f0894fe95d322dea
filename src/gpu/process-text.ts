import { formatBytes } from "../std/bytes.ts";
import { formatDurationMs } from "../std/duration.ts";
import type { GpuProcess } from "./probe.ts";
import { isStranger, type SampledGpu } from "./sample.ts";

const namedPerGpu = 3;

/**
 * "python (pid 4242, alice) holds 9.1 GiB for 3h 02m". The time is the program's age; what is unknown is said or left out.
 * @param owner whose it is, where that is better known than its user ("worker 5").
 */
export function describeHolder(process: GpuProcess, nowMs: number, owner?: string): string {
  const whose = owner ?? describeUser(process);
  const held =
    process.vramBytes === null ? "memory that the driver does not tell" : formatBytes(process.vramBytes);
  const age =
    process.startedAtMs === null ? "" : ` for ${formatDurationMs(Math.max(0, nowMs - process.startedAtMs))}`;
  return `${process.name ?? "a program"} (pid ${process.pid}${whose === null ? "" : `, ${whose}`}) holds ${held}${age}`;
}

/**
 * Who outside orch holds memory on these GPUs, the largest first, three of each GPU: what the reason gpu-foreign is
 * followed by. Null when there is nobody. With several GPUs each part begins with "GPU 1: ".
 */
export function describeForeign(gpus: readonly SampledGpu[], nowMs: number): string | null {
  const parts = gpus.flatMap((gpu) => {
    const text = describeForeignOn(gpu, nowMs);
    return text === null ? [] : [{ index: gpu.reading.index, text }];
  });
  if (parts.length === 0) return null;
  return parts.map(({ index, text }) => (gpus.length === 1 ? text : `GPU ${index}: ${text}`)).join("; ");
}

function describeForeignOn({ processes, foreignBytes }: SampledGpu, nowMs: number): string | null {
  const foreign = (processes ?? [])
    .filter(isStranger)
    .sort((left, right) => (right.vramBytes ?? 0) - (left.vramBytes ?? 0));
  if (foreign.length === 0) {
    return foreignBytes === 0
      ? null
      : `${formatBytes(foreignBytes)} is held by programs that the driver does not name`;
  }
  const named = foreign.slice(0, namedPerGpu).map((process) => describeHolder(process, nowMs));
  const more = foreign.length - named.length;
  return `${named.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function describeUser({ user, uid, unknown }: GpuProcess): string | null {
  if (unknown === "hidden") return "another user's, hidden from this one";
  if (unknown === "elsewhere") return "not to be seen from here";
  return user ?? (uid === null ? null : `uid ${uid}`);
}
