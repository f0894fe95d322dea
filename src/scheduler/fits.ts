import { leaseBytes, neededBytes, residueBytesOf, usableBytes } from "./capacity.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";

/** What a worker will hold of its GPUs after what was ordered is done. */
export type Left = "lease" | "residue" | "nothing";

/** What is left of a worker once what was ordered is done. */
export function leftOf({ phase }: Worker): Left {
  switch (phase.state) {
    case "stopping":
      return "nothing";
    case "draining":
      return phase.sleeps === true ? "residue" : "nothing";
    case "falling-asleep":
      return "residue";
    default:
      return "lease";
  }
}

/** Whether the worker was told to make room. */
export function isLeaving({ phase }: Worker): boolean {
  return phase.state === "draining" || phase.state === "stopping" || phase.state === "falling-asleep";
}

/** Whether a lease of `lane` fits on `gpu` beside what is left of the workers there. */
export function fits(state: State, lane: Lane, gpu: Gpu, left: (worker: Worker) => Left): boolean {
  let held = 0;
  let sleeping = 0;
  for (const { worker, mode, vramBytes } of gpu.leases) {
    const kept = left(worker);
    if (kept === "nothing") continue;
    if (mode === "residue") sleeping += vramBytes;
    else if (kept === "residue") sleeping += residueBytesOf(worker.lane);
    else if (lane.spec.mode === "exclusive" || mode === "exclusive") return false;
    else held += vramBytes;
  }
  const { policy } = state;
  if (lane.spec.mode === "exclusive")
    return sleeping === 0 || sleeping + neededBytes(policy, lane, gpu) <= usableBytes(policy, gpu);
  return held + sleeping + leaseBytes(policy, lane, gpu) <= usableBytes(policy, gpu);
}
