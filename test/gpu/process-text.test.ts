import { expect, test } from "vitest";
import { describeForeign, describeHolder } from "../../src/gpu/process-text.ts";
import type { SampledGpu, SampledProcess } from "../../src/gpu/sample.ts";

const gib = 2 ** 30;
const nowMs = 1_700_000_000_000;

function holder(changes: Partial<SampledProcess> = {}): SampledProcess {
  return {
    pid: 4242,
    vramBytes: 9.1 * gib,
    name: "python",
    uid: 1001,
    user: "alice",
    startedAtMs: nowMs - (3 * 60 + 2) * 60_000,
    unknown: null,
    workerId: null,
    ...changes,
  };
}

const nothing = { name: null, uid: null, user: null, startedAtMs: null };

test.each<[Partial<SampledProcess>, string]>([
  [{}, "python (pid 4242, alice) holds 9.1 GiB for 3h 02m"],
  [{ user: null }, "python (pid 4242, uid 1001) holds 9.1 GiB for 3h 02m"],
  [{ user: null, uid: null }, "python (pid 4242) holds 9.1 GiB for 3h 02m"],
  [{ vramBytes: null }, "python (pid 4242, alice) holds memory that the driver does not tell for 3h 02m"],
  [{ startedAtMs: null }, "python (pid 4242, alice) holds 9.1 GiB"],
  [{ startedAtMs: nowMs + 50 }, "python (pid 4242, alice) holds 9.1 GiB for 0 ms"],
  [
    { ...nothing, unknown: "hidden" },
    "a program (pid 4242, another user's, hidden from this one) holds 9.1 GiB",
  ],
  [{ ...nothing, unknown: "elsewhere" }, "a program (pid 4242, not to be seen from here) holds 9.1 GiB"],
])("%o", (changes, text) => {
  expect(describeHolder(holder(changes), nowMs)).toBe(text);
});

test("a worker of ours goes by its own name", () => {
  expect(describeHolder(holder(), nowMs, "worker 5")).toBe(
    "python (pid 4242, worker 5) holds 9.1 GiB for 3h 02m",
  );
});

function gpu(
  index: number,
  processes: readonly SampledProcess[] | null,
  foreignBytes = 9.1 * gib,
): SampledGpu {
  return {
    reading: {
      uuid: `GPU-${index}`,
      index,
      name: "NVIDIA H200",
      memory: { totalBytes: 24 * gib, usedBytes: 0, freeBytes: 0 },
      utilizationPercent: null,
      temperatureCelsius: null,
      powerWatts: null,
      health: { ok: true },
      numaNode: null,
      nvlinkPeers: [],
    },
    foreignBytes,
    processes,
  };
}

test("strangers are named, the largest first, and workers are none", () => {
  const small = holder({ pid: 1, name: "Xorg", user: "root", vramBytes: 0.5 * gib });
  const ours = holder({ pid: 2, workerId: 5 });
  expect(describeForeign([gpu(0, [small, ours, holder()])], nowMs)).toBe(
    "python (pid 4242, alice) holds 9.1 GiB for 3h 02m, Xorg (pid 1, root) holds 512 MiB for 3h 02m",
  );
});

test("of many, three are named; of several GPUs, each", () => {
  const many = [1, 2, 3, 4, 5].map((pid) => holder({ pid, name: "a", startedAtMs: null, vramBytes: gib }));
  const text = describeForeign([gpu(0, many), gpu(1, null), gpu(2, [], 0)], nowMs);
  expect(text).toBe(
    "GPU 0: a (pid 1, alice) holds 1 GiB, a (pid 2, alice) holds 1 GiB, a (pid 3, alice) holds 1 GiB and 2 more; " +
      "GPU 1: 9.1 GiB is held by programs that the driver does not name",
  );
});

test("nobody is nobody", () => {
  expect(describeForeign([gpu(0, [holder({ workerId: 5 })], 0), gpu(1, null, 0)], nowMs)).toBeNull();
});
