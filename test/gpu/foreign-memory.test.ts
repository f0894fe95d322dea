import { expect, test } from "vitest";
import { countForeignBytes } from "../../src/gpu/foreign-memory.ts";
import type { GpuReading } from "../../src/gpu/probe.ts";

const gib = 2 ** 30;
const ourPid = 100;

interface Case {
  readonly name: string;
  readonly usedGib: number;
  /** Pid and GiB of each program; null where the driver does not tell. */
  readonly processes: readonly (readonly [pid: number, gib: number | null])[] | null;
  readonly hasWorker: boolean;
  readonly foreignGib: number;
}

test.each<Case>([
  { name: "nothing there", usedGib: 0, processes: [], hasWorker: false, foreignGib: 0 },
  { name: "only ours", usedGib: 8, processes: [[ourPid, 8]], hasWorker: true, foreignGib: 0 },
  {
    name: "ours and a stranger",
    usedGib: 11,
    processes: [
      [ourPid, 8],
      [7, 3],
    ],
    hasWorker: true,
    foreignGib: 3,
  },
  {
    name: "two strangers",
    usedGib: 5,
    processes: [
      [7, 3],
      [8, 2],
    ],
    hasWorker: false,
    foreignGib: 5,
  },
  { name: "memory untold, no worker", usedGib: 5, processes: [[7, null]], hasWorker: false, foreignGib: 5 },
  {
    name: "memory untold beside ours",
    usedGib: 9,
    processes: [
      [ourPid, null],
      [7, null],
    ],
    hasWorker: false,
    foreignGib: 0,
  },
  {
    name: "partly told, no worker",
    usedGib: 5,
    processes: [
      [7, 2],
      [8, null],
    ],
    hasWorker: false,
    foreignGib: 5,
  },
  {
    name: "partly told beside ours",
    usedGib: 9,
    processes: [
      [ourPid, null],
      [7, 2],
    ],
    hasWorker: true,
    foreignGib: 2,
  },
  { name: "no list, no worker", usedGib: 5, processes: null, hasWorker: false, foreignGib: 5 },
  { name: "no list, a worker of ours", usedGib: 5, processes: null, hasWorker: true, foreignGib: 0 },
  { name: "an empty list that hides something", usedGib: 5, processes: [], hasWorker: false, foreignGib: 5 },
  {
    name: "an empty list in a container, ours inside",
    usedGib: 5,
    processes: [],
    hasWorker: true,
    foreignGib: 0,
  },
])("$name", ({ usedGib, processes, hasWorker, foreignGib }) => {
  const reading: GpuReading = {
    uuid: "GPU-aaaa",
    index: 0,
    name: "NVIDIA H200",
    memory: { totalBytes: 141 * gib, usedBytes: usedGib * gib, freeBytes: (141 - usedGib) * gib },
    utilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
    health: { ok: true },
    numaNode: null,
    nvlinkPeers: [],
  };
  const listed =
    processes?.map(([pid, held]) => ({
      pid,
      vramBytes: held === null ? null : held * gib,
      name: null,
      uid: null,
      user: null,
      startedAtMs: null,
      unknown: null,
      workerId: pid === ourPid ? 1 : null,
    })) ?? null;
  expect(countForeignBytes({ reading, processes: listed, hasWorker })).toBe(foreignGib * gib);
});
