import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createVirtualProbe } from "../../../src/gpu/virtual/virtual.ts";
import { parseVirtualSpec } from "../../../src/gpu/virtual/virtual-spec.ts";

const gib = 2 ** 30;

test.each([
  ["virtual:2x24GiB", [24 * gib, 24 * gib]],
  ["virtual:1x800MiB", [800 * 2 ** 20]],
  ["virtual:1x24GiB,1x48GiB", [24 * gib, 48 * gib]],
  ["virtual: 1 x 24 GiB , 2X1GB", [24 * gib, 1e9, 1e9]],
])("%s is read", (spec, totals) => {
  expect(parseVirtualSpec(spec)).toEqual({
    totalsBytes: totals,
    nvlinkGroups: [],
    numaNodes: null,
    heldFolder: null,
  });
});

test("links, NUMA nodes and the folder of what is held are read", () => {
  expect(parseVirtualSpec("virtual:3x1GiB, numa=0/0/1 ,nvlink=0-1/1-2,held=/tmp/a b")).toEqual({
    totalsBytes: [gib, gib, gib],
    nvlinkGroups: [
      [0, 1],
      [1, 2],
    ],
    numaNodes: [0, 0, 1],
    heldFolder: "/tmp/a b",
  });
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
  ["virtual:2x1GiB,links=0-1", '"links=0-1" is no option of virtual GPUs'],
  ["virtual:2x1GiB,held=", '"held=" has no value'],
  ["virtual:2x1GiB,numa=0/0,numa=1/1", '"numa" is given twice'],
  ["virtual:2x1GiB,numa=0", 'numa "0" gives no node to each GPU'],
  ["virtual:2x1GiB,numa=0/a", 'numa "0/a" gives no node to each GPU'],
  ["virtual:2x1GiB,nvlink=0-2", 'nvlink "0-2" links no GPUs'],
  ["virtual:2x1GiB,nvlink=0", 'nvlink "0" links no GPUs'],
  ["virtual:2x1GiB,nvlink=1-1", 'nvlink "1-1" links no GPUs'],
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
    numaNode: null,
    nvlinkPeers: [],
  });
  expect([...(await probe.processes(1000))]).toEqual([
    ["GPU-virtual-0", []],
    ["GPU-virtual-1", []],
  ]);
});

test("links go both ways, and a GPU in two groups has the peers of both", async () => {
  const readings = await createVirtualProbe("virtual:4x1GiB,nvlink=0-1/1-2,numa=0/0/1/1").read(1000);
  expect(readings.map(({ nvlinkPeers }) => nvlinkPeers)).toEqual([
    ["GPU-virtual-1"],
    ["GPU-virtual-0", "GPU-virtual-2"],
    ["GPU-virtual-1"],
    [],
  ]);
  expect(readings.map(({ numaNode }) => numaNode)).toEqual([0, 0, 1, 1]);
});

describe("memory that programs say they hold", () => {
  let folder = "";
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "orch-held-"));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A program that holds `amount` of GPU `index`. */
  async function hold(index: number, amount: string): Promise<ChildProcess & { pid: number }> {
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    await writeFile(join(folder, `${index}-${child.pid}`), amount);
    return child as ChildProcess & { pid: number };
  }
  const used = async (spec: string): Promise<number[]> =>
    (await createVirtualProbe(spec).read(1000)).map(({ memory }) => memory.usedBytes / gib);

  test("is used, is on the list with its program, and is free once the program ends", async () => {
    const spec = `virtual:2x24GiB,held=${folder}`;
    const [first, second] = [await hold(1, "9GiB\n"), await hold(1, "1 GiB")];
    expect(await used(spec)).toEqual([0, 10]);
    const lists = await createVirtualProbe(spec).processes(1000);
    expect(lists.get("GPU-virtual-0")).toEqual([]);
    expect(lists.get("GPU-virtual-1")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ pid: first.pid, vramBytes: 9 * gib, name: "sleep", unknown: null }),
        expect.objectContaining({ pid: second.pid, vramBytes: gib }),
      ]),
    );
    await writeFile(join(folder, `1-${second.pid}`), "2GiB");
    expect(await used(spec)).toEqual([0, 11]);
    first.kill("SIGKILL");
    await once(first, "exit");
    expect(await used(spec)).toEqual([0, 2]);
  });

  test("is never more than the GPU has; files that say nothing, or of an earlier program, are passed over", async () => {
    const spec = `virtual:1x24GiB,held=${folder}`;
    const later = await hold(0, "5GiB");
    await utimes(join(folder, `0-${later.pid}`), 1, 1);
    await hold(0, "much");
    await hold(0, "");
    await writeFile(join(folder, "notes"), "8GiB");
    expect(await used(spec)).toEqual([0]);
    await hold(0, "30GiB");
    expect(await createVirtualProbe(spec).read(1000)).toMatchObject([
      { memory: { totalBytes: 24 * gib, usedBytes: 24 * gib, freeBytes: 0 } },
    ]);
  });

  test("a folder that is missing holds nothing", async () => {
    expect(await used(`virtual:1x24GiB,held=${folder}/missing`)).toEqual([0]);
  });
});
