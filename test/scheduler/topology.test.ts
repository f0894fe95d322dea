import { describe, expect, it } from "vitest";
import type { SeenGpu } from "../../src/scheduler/events.ts";
import { Bench, command, model } from "../kit/scheduler.ts";

/** GPUs whose links are given as groups of indices, and their NUMA nodes. */
function host(links: readonly (readonly number[])[], nodes: readonly (number | null)[]): Bench {
  const gpus = nodes.map((numaNode, index): Partial<SeenGpu> => {
    const peers = links.filter((group) => group.includes(index)).flat();
    return { numaNode, nvlinkPeers: peers.filter((peer) => peer !== index).map((peer) => `GPU-${peer}`) };
  });
  return new Bench({ gpus });
}

/** Occupies GPUs, one command each, in the order in which they are handed out. */
function occupy(bench: Bench, ...indices: readonly number[]): void {
  for (const index of indices) {
    bench.ask({ type: "start-worker", lane: model(`on-${index}`), gpu: `GPU-${index}`, evict: false });
    bench.ready(bench.state.nextWorkerId - 1);
    bench.submit(model(`on-${index}`));
  }
}

function gangOf(bench: Bench, gpuCount: number): number[] {
  const id = bench.submit(command("gang", { gpuCount }));
  const { phase } = bench.job(id);
  if (phase.state !== "starting") throw new Error(`the gang is ${phase.state}`);
  return phase.worker.leases.map((lease) => lease.gpu.index).sort();
}

describe("a job on several GPUs", () => {
  it("gets GPUs that are linked, though others come first", () => {
    expect(
      gangOf(
        host(
          [
            [0, 3],
            [1, 2],
          ],
          [0, 0, 0, 0],
        ),
        2,
      ),
    ).toEqual([0, 3]);
    const busy = host(
      [
        [0, 3],
        [1, 2],
      ],
      [0, 0, 0, 0],
    );
    occupy(busy, 0);
    expect(gangOf(busy, 2)).toEqual([1, 2]);
  });

  it("gets GPUs of one NUMA node where none are linked", () => {
    expect(gangOf(host([], [0, 1, 0, 1]), 2)).toEqual([0, 2]);
  });

  it("prefers a link over the node", () => {
    expect(gangOf(host([[0, 2]], [0, 0, 1, 1]), 2)).toEqual([0, 2]);
  });

  it("gets four of one group", () => {
    const groups = [
      [0, 2, 4, 6],
      [1, 3, 5, 7],
    ];
    expect(gangOf(host(groups, [0, 0, 0, 0, 1, 1, 1, 1]), 4)).toEqual([0, 2, 4, 6]);
  });

  it("starts on a pair that is linked, not on the first GPU that has no free peer", () => {
    const bench = host(
      [
        [0, 1],
        [2, 3],
      ],
      [0, 0, 1, 1],
    );
    occupy(bench, 1);
    expect(gangOf(bench, 2)).toEqual([2, 3]);
  });

  it("takes what there is where the driver tells nothing", () => {
    expect(gangOf(host([], [null, null, null]), 2)).toEqual([0, 1]);
  });

  it("waits for no link: free GPUs go before ones that have to be emptied", () => {
    const bench = host([[0, 1]], [0, 0, 1]);
    bench.ask({ type: "start-worker", lane: model("idle"), gpu: "GPU-1", evict: false });
    bench.ready(1);
    expect(gangOf(bench, 2)).toEqual([0, 2]);
  });
});

it("links and nodes are read from every look", () => {
  const bench = new Bench({ gpus: [{}, {}] });
  expect(bench.state.gpus.get("GPU-0")?.nvlinkPeers).toEqual([]);
  bench.seeGpus([{ nvlinkPeers: ["GPU-1"], numaNode: 3 }, {}]);
  expect(bench.state.gpus.get("GPU-0")).toMatchObject({ nvlinkPeers: ["GPU-1"], numaNode: 3 });
});
