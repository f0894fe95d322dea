import { expect, test } from "vitest";
import { type LeasedGpu, WorkerMemory } from "../../src/gpu/worker-memory.ts";

const gib = 2 ** 30;

interface Look {
  readonly usedGib: number;
  /** Pid, GiB (null = not told) and worker of each program; null = the driver does not list them. */
  readonly processes?:
    | readonly (readonly [pid: number, gib: number | null, workerId: number | null])[]
    | null;
  readonly workerIds?: readonly number[];
  readonly ok?: boolean;
  readonly uuid?: string;
}

function gpu({ usedGib, processes = null, workerIds = [], ok = true, uuid = "GPU-a" }: Look): LeasedGpu {
  const usedBytes = usedGib * gib;
  return {
    reading: {
      uuid,
      index: 0,
      name: "NVIDIA H200",
      memory: { totalBytes: 141 * gib, usedBytes, freeBytes: 141 * gib - usedBytes },
      utilizationPercent: null,
      temperatureCelsius: null,
      powerWatts: null,
      health: ok ? { ok } : { ok, detail: "lost" },
      numaNode: null,
      nvlinkPeers: [],
    },
    processes:
      processes?.map(([pid, held, workerId]) => ({
        pid,
        vramBytes: held === null ? null : held * gib,
        name: null,
        uid: null,
        user: null,
        startedAtMs: null,
        unknown: null,
        workerId,
      })) ?? null,
    workerIds,
  };
}

/** What is known after these readings, in GiB: worker → GPU → GiB. */
function measure(...looks: readonly (Look | readonly Look[])[]): Record<string, Record<string, number>> {
  const memory = new WorkerMemory();
  let bytes: ReturnType<WorkerMemory["measure"]> = new Map();
  for (const look of looks) bytes = memory.measure([look].flat().map(gpu));
  return Object.fromEntries(
    [...bytes].map(([workerId, byGpu]) => [
      workerId,
      Object.fromEntries([...byGpu].map(([uuid, held]) => [uuid, held / gib])),
    ]),
  );
}

test("a worker's programs are summed on each GPU, strangers left out", () => {
  const first: Look = {
    usedGib: 20,
    workerIds: [5, 6],
    processes: [
      [1, 8, 5],
      [2, 1, 5],
      [3, 4, 6],
      [4, 7, null],
    ],
  };
  const second: Look = { uuid: "GPU-b", usedGib: 3, workerIds: [5], processes: [[1, 3, 5]] };
  expect(measure([first, second])).toEqual({ 5: { "GPU-a": 9, "GPU-b": 3 }, 6: { "GPU-a": 4 } });
});

test("a worker with a program whose memory is not told is unknown beside another", () => {
  const look: Look = {
    usedGib: 20,
    workerIds: [5, 6],
    processes: [
      [1, 8, 5],
      [2, null, 5],
      [3, 4, 6],
    ],
  };
  expect(measure({ usedGib: 1 }, look)).toEqual({ 6: { "GPU-a": 4 } });
});

test("a list that tells everything and names none of a worker's programs says nothing of it", () => {
  const stranger: Look["processes"] = [[9, 1, null]];
  const look: Look = { usedGib: 5, workerIds: [5], processes: stranger };
  expect(measure({ usedGib: 1, processes: stranger }, look)).toEqual({});
});

test.each<[string, Look["processes"]]>([
  ["no list", null],
  ["an empty list", []],
  ["a list without memory", [[1, null, 5]]],
])("alone on its GPU a worker holds what came on top: %s", (_, processes) => {
  const look: Look = { usedGib: 11, workerIds: [5], ...(processes === undefined ? {} : { processes }) };
  expect(measure({ usedGib: 2 }, look)).toEqual({ 5: { "GPU-a": 9 } });
});

test("two on a GPU without told memory are unknown, and one whose GPU was never seen empty is", () => {
  expect(measure({ usedGib: 2 }, { usedGib: 11, workerIds: [5, 6] })).toEqual({});
  expect(measure({ usedGib: 11, workerIds: [5] })).toEqual({});
});

test("a stranger that came or went makes it unknown", () => {
  const before: Look = { usedGib: 2, processes: [[9, null, null]] };
  const came: Look = {
    usedGib: 11,
    workerIds: [5],
    processes: [
      [1, null, 5],
      [9, null, null],
      [10, null, null],
    ],
  };
  const went: Look = { usedGib: 11, workerIds: [5], processes: [[1, null, 5]] };
  const same: Look = {
    usedGib: 11,
    workerIds: [5],
    processes: [
      [9, null, null],
      [1, null, 5],
    ],
  };
  expect([measure(before, came), measure(before, went)]).toEqual([{}, {}]);
  expect(measure(before, same)).toEqual({ 5: { "GPU-a": 9 } });
});

test("memory that the driver freed late does not count as a stranger's", () => {
  // The last worker is gone and its 40 GiB are still there; they are freed while the next one waits for them.
  const looks: Look[] = [
    { usedGib: 41 },
    { usedGib: 41, workerIds: [6] },
    { usedGib: 1, workerIds: [6] },
    { usedGib: 10, workerIds: [6] },
  ];
  expect(measure(...looks)).toEqual({ 6: { "GPU-a": 9 } });
});

test("a GPU that cannot be read tells nothing and spoils nothing", () => {
  const lost: Look = { usedGib: 0, ok: false };
  expect(measure({ usedGib: 2 }, lost)).toEqual({});
  expect(measure({ usedGib: 2 }, lost, { usedGib: 11, workerIds: [5] })).toEqual({ 5: { "GPU-a": 9 } });
});
