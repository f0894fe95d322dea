import { expect, it } from "vitest";
import { commandLane } from "../../src/operations/new-job.ts";

const GiB = 2 ** 30;

it("commands share a lane only if their leases are equal to the byte", () => {
  const keyOf = (bytes: number): string =>
    commandLane({ gpus: 1, vramBytes: bytes, mode: "exclusive", cpus: null, ramBytes: 0 }).key;
  expect(keyOf(20 * GiB)).toBe("run#1x20GiB");
  // Both read "12.0 GiB": in one lane the job submitted first would get the lease of the second.
  const near = [12 * GiB + 10 * 2 ** 20, 12 * GiB + 20 * 2 ** 20, 12 * GiB + 1];
  expect(new Set([...near.map(keyOf), keyOf(12 * GiB)]).size).toBe(4);
});
