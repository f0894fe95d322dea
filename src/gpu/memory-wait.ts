import { setTimeout as sleep } from "node:timers/promises";
import { formatBytes } from "../std/bytes.ts";
import type { Clock } from "../std/clock.ts";
import { describeHolder } from "./process-text.ts";
import type { GpuSample, SampledGpu, SampledProcess } from "./sample.ts";

export interface MemoryWaitOptions {
  /** How long to wait at most, in milliseconds from now. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A GPU that had not enough free memory when the wait ended. */
export interface MissingMemory {
  readonly uuid: string;
  readonly neededBytes: number;
  readonly freeBytes: number;
  /** The programs on it, as far as the driver names them. */
  readonly holders: readonly SampledProcess[];
  /** The shortage is of memory that is taken by nobody, as far as the driver shows: it does not give it back. */
  readonly isStuck: boolean;
  /** One sentence for people: the numbers, and who holds the memory or why the GPU cannot be used. */
  readonly text: string;
}

export type MemoryWait =
  | { readonly kind: "free"; readonly waitedMs: number }
  | { readonly kind: "short"; readonly waitedMs: number; readonly missing: readonly MissingMemory[] }
  | { readonly kind: "aborted"; readonly waitedMs: number };

interface MemoryWaitContext {
  readonly sampleNow: (options?: { readonly processes?: boolean }) => Promise<GpuSample>;
  readonly clock: Clock;
}

// A driver mostly gives memory back within 2 s of the program's end; after that a human or a stuck program is
// being waited for, and asking less often spares the driver.
const eagerMs = 2000;
const eagerPollMs = 50;
const slowestPollMs = 250;

/**
 * Waits until the driver reports at least `needs` bytes free (by GPU UUID) on all the GPUs at once. A reading
 * that failed frees nothing.
 */
export async function waitForFree(
  context: MemoryWaitContext,
  needs: ReadonlyMap<string, number>,
  { deadlineMs, signal }: MemoryWaitOptions,
): Promise<MemoryWait> {
  const startMs = context.clock.monotonicMs();
  let pollMs = eagerPollMs;
  for (;;) {
    const sample = await context.sampleNow();
    const waitedMs = context.clock.monotonicMs() - startMs;
    if (signal?.aborted) return { kind: "aborted", waitedMs };
    if (findShort(sample, needs).length === 0) return { kind: "free", waitedMs };
    if (waitedMs >= deadlineMs) return endWait(context, needs, waitedMs);
    if (waitedMs > eagerMs) pollMs = Math.min(slowestPollMs, pollMs * 1.25);
    await sleep(Math.min(pollMs, deadlineMs - waitedMs), undefined, { signal }).catch(() => {});
  }
}

/** The last look, with the programs listed anew, so that whoever holds the memory can be named. */
async function endWait(
  context: MemoryWaitContext,
  needs: ReadonlyMap<string, number>,
  waitedMs: number,
): Promise<MemoryWait> {
  const sample = await context.sampleNow({ processes: true });
  const short = findShort(sample, needs);
  if (short.length === 0) return { kind: "free", waitedMs };
  return {
    kind: "short",
    waitedMs,
    missing: short.map((uuid) => describeMissing(sample, uuid, needs.get(uuid) ?? 0, context.clock.nowMs())),
  };
}

/** The GPUs, by UUID, of which the sample does not show enough free memory. */
function findShort(sample: GpuSample, needs: ReadonlyMap<string, number>): readonly string[] {
  return [...needs].filter(([uuid, bytes]) => freeBytesOf(sample, uuid) < bytes).map(([uuid]) => uuid);
}

/** 0 for a GPU that is gone or unhealthy, and for all of them when the sample is old. */
function freeBytesOf(sample: GpuSample, uuid: string): number {
  const reading = sample.gpus.find((gpu) => gpu.reading.uuid === uuid)?.reading;
  return sample.stale === null && reading?.health.ok ? reading.memory.freeBytes : 0;
}

/** Memory in use that no program accounts for. 0 where that cannot be told, or a stranger may have it. Bytes. */
function lostBytes({ reading, processes }: SampledGpu): number {
  if (!reading.health.ok || processes === null) return 0;
  if (processes.some(({ workerId, vramBytes }) => workerId === null || vramBytes === null)) return 0;
  const heldBytes = processes.reduce((sum, { vramBytes }) => sum + (vramBytes ?? 0), 0);
  return Math.max(0, reading.memory.usedBytes - heldBytes);
}

function describeMissing(sample: GpuSample, uuid: string, neededBytes: number, nowMs: number): MissingMemory {
  const gpu = sample.gpus.find((each) => each.reading.uuid === uuid);
  const freeBytes = freeBytesOf(sample, uuid);
  const holders = gpu?.processes ?? [];
  const isStuck = sample.stale === null && gpu !== undefined && freeBytes + lostBytes(gpu) >= neededBytes;
  const base = { uuid, neededBytes, freeBytes, holders, isStuck };
  if (sample.stale) return { ...base, text: `${uuid} cannot be read: ${sample.stale.reason}` };
  if (!gpu) return { ...base, text: `${uuid} is no longer there` };
  if (!gpu.reading.health.ok)
    return { ...base, text: `${uuid} cannot be used: ${gpu.reading.health.detail}` };
  const held = holders.map((holder) =>
    describeHolder(holder, nowMs, holder.workerId === null ? undefined : `worker ${holder.workerId}`),
  );
  return {
    ...base,
    text: `${uuid} has ${formatBytes(freeBytes)} free of the ${formatBytes(neededBytes)} needed; ${held.join(", ") || "the driver names no program that holds it"}`,
  };
}
