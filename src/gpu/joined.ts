import { Failure, toFailure } from "../std/failure.ts";
import type { GpuProbe, GpuProcess, GpuReading } from "./probe.ts";

/** As with one driver: a reading that fails once or twice says nothing yet of the GPUs. */
const failuresUntilUnhealthy = 3;

/** One driver of several, and what it last told. */
interface Part {
  readonly probe: GpuProbe;
  last: readonly GpuReading[];
  failures: number;
}

/**
 * Sees the GPUs of two vendors as one probe. Trouble of one driver leaves the other's GPUs as they are. The second
 * one's indices follow the highest of the first.
 */
export function joinProbes(first: GpuProbe, second: GpuProbe): GpuProbe {
  const parts: Part[] = [first, second].map((probe) => ({ probe, last: [], failures: 0 }));
  return {
    // The slower of the two decides how often is asked, and that is NVIDIA's program where there is one.
    kind: first.kind,
    read: async (deadlineMs) => {
      const results = await Promise.allSettled(parts.map(({ probe }) => probe.read(deadlineMs)));
      const errors: unknown[] = [];
      for (const [at, result] of results.entries()) {
        const part = parts[at];
        if (part === undefined) continue;
        if (result.status === "rejected") errors.push(result.reason);
        note(part, result);
      }
      if (errors.length === parts.length) throw errors[0];
      return shiftIndices(parts[0]?.last ?? [], parts[1]?.last ?? []);
    },
    processes: async (deadlineMs) => {
      const results = await Promise.allSettled(parts.map(({ probe }) => probe.processes(deadlineMs)));
      const lists = results.flatMap((result) => (result.status === "fulfilled" ? [...result.value] : []));
      if (results.every(({ status }) => status === "rejected"))
        throw new Failure("gpu/unavailable", "no driver lists its programs");
      return new Map<string, readonly GpuProcess[]>(lists);
    },
    close: async () => void (await Promise.all(parts.map(({ probe }) => probe.close()))),
  };
}

function note(part: Part, result: PromiseSettledResult<readonly GpuReading[]>): void {
  if (result.status === "fulfilled") {
    part.last = result.value;
    part.failures = 0;
    return;
  }
  part.failures += 1;
  const detail = toFailure(result.reason).sentence;
  const isUnhealthy = part.failures >= failuresUntilUnhealthy;
  // Nobody knows how much is free now, so nothing counts as free.
  part.last = part.last.map((reading) => ({
    ...reading,
    memory: { ...reading.memory, freeBytes: 0 },
    health: isUnhealthy ? { ok: false, detail } : reading.health,
  }));
}

function shiftIndices(first: readonly GpuReading[], second: readonly GpuReading[]): readonly GpuReading[] {
  const boards = first.filter(({ parent }) => parent === undefined);
  const shift = boards.reduce((next, { index }) => Math.max(next, index + 1), 0);
  return [...first, ...second.map((reading) => ({ ...reading, index: reading.index + shift }))];
}
