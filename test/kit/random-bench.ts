import type { LaneSpec } from "../../src/scheduler/model.ts";
import { createRng } from "../../src/std/rng.ts";
import { Bench, command, model, sharer } from "./scheduler.ts";

const lanes: readonly LaneSpec[] = [
  model("a", { keepAliveMs: 30_000 }),
  model("b", { slots: 2, maxReplicas: 2 }),
  model("wide", { gpuCount: 2 }),
  sharer("small", 6),
  command("once"),
  command("cpu", { gpuCount: 0 }),
];

/** A scheduler in the middle of things: jobs of all kinds wait and run, workers start, serve and stop. Equal seeds, equal states. */
export function randomBench(seed: number, acts = 120): Bench {
  const rng = createRng(seed);
  const bench = new Bench({ gpus: [{}, {}, { foreignBytes: 2 ** 30, nvlinkPeers: ["GPU-1"], numaNode: 1 }] });
  for (let act = 0; act < acts; act++) {
    bench.nowMs += rng.below(4_000);
    const workers = [...bench.state.workers.values()];
    const worker = workers.length === 0 ? undefined : rng.pick(workers);
    const [job] = worker?.jobs ?? [];
    if (rng.chance(0.4) || worker === undefined) submitAny(bench, rng);
    else if (worker.phase.state === "starting") bench.ready(worker.id);
    else if (worker.phase.state === "stopping") bench.exit(worker.id);
    else if (job && worker.lane.spec.residency === "resident")
      bench.end(job.id, rng.pick(["succeeded", "failed"]));
    else if (job) bench.exit(worker.id, null);
    else bench.pass(rng.below(20_000));
  }
  return bench;
}

function submitAny(bench: Bench, rng: ReturnType<typeof createRng>): void {
  const live = [...bench.state.jobs.keys()];
  const after = live.length > 0 && rng.chance(0.2) ? [rng.pick(live)] : [];
  bench.submit(rng.pick([...lanes]), {
    priority: rng.pick([0, 0, 0, 5]),
    retries: rng.below(2),
    hold: rng.chance(0.05),
    notBeforeMs: rng.chance(0.1) ? bench.nowMs + 60_000 : null,
    deadlineMs: rng.chance(0.1) ? bench.nowMs + 600_000 : null,
    timeLimitMs: rng.chance(0.2) ? 40_000 : null,
    preemptible: rng.chance(0.2),
    accounts: [rng.pick(["user:alice", "user:bob"] as const)],
    after: after.map((jobId) => ({ jobId, condition: "any", outcome: "live" })),
  });
}
