import { expect, test } from "vitest";
import { createVirtualProbe, parseVirtualSpec } from "../../src/gpu/virtual.ts";

const gib = 2 ** 30;

test.each([
  ["virtual:2x24GiB", [24 * gib, 24 * gib]],
  ["virtual:1x800MiB", [800 * 2 ** 20]],
  ["virtual:1x24GiB,1x48GiB", [24 * gib, 48 * gib]],
  ["virtual: 1 x 24 GiB , 2X1GB", [24 * gib, 1e9, 1e9]],
])("%s is read", (spec, totals) => {
  expect(parseVirtualSpec(spec)).toEqual(totals);
});

test.each([
  ["24GiB", '"24GiB" names no virtual GPUs'],
  ["virtual:", '"" is not a group of virtual GPUs'],
  ["virtual:24GiB", '"24GiB" is not a group of virtual GPUs'],
  ["virtual:2x24GiB,", '"" is not a group of virtual GPUs'],
  ["virtual:2x24XB", '"24XB" is not an amount of memory'],
  ["virtual:0x24GiB", '"0x24GiB" asks for 0 virtual GPUs'],
  ["virtual:65x1GiB", '"65x1GiB" asks for 65 virtual GPUs'],
  ["virtual:999999999x1GiB", '"999999999x1GiB" asks for 999999999 virtual GPUs'],
  ["virtual:40x1GiB,40x1GiB", '"virtual:40x1GiB,40x1GiB" asks for 80 virtual GPUs'],
  ["virtual:1x0GiB", '"1x0GiB" gives its GPUs no memory'],
])("%s is refused: %s", (spec, message) => {
  expect(() => parseVirtualSpec(spec)).toThrow(expect.objectContaining({ code: "usage/invalid", message }));
});

test("virtual GPUs are free, healthy and have no sensors and no programs", async () => {
  const probe = createVirtualProbe("virtual:1x24GiB,1x800MiB");
  const readings = await probe.read(1000);
  expect(readings.map(({ uuid }) => uuid)).toEqual(["GPU-virtual-0", "GPU-virtual-1"]);
  expect(readings[1]).toEqual({
    uuid: "GPU-virtual-1",
    index: 1,
    name: "virtual 800 MiB",
    memory: { totalBytes: 800 * 2 ** 20, usedBytes: 0, freeBytes: 800 * 2 ** 20 },
    utilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
    health: { ok: true },
  });
  expect([...(await probe.processes(1000))]).toEqual([
    ["GPU-virtual-0", []],
    ["GPU-virtual-1", []],
  ]);
});
