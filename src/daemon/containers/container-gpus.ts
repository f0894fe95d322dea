import { setTimeout as sleep } from "node:timers/promises";
import { type GpuSight, checkContainerGpus as look } from "../../engine/container/check-container-gpus.ts";
import { readContainerFile } from "../../engine/container/container-file.ts";
import { readCdiDevices } from "../../runtime/cdi.ts";
import type { Worker } from "../../scheduler/model.ts";
import { Failure } from "../../std/failure.ts";
import { amdDevicesOf } from "../gpus/gpu-env.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";

const AGAIN_MS = 150;
/** A container that cannot be looked into for so long is let go on: its readiness says enough. */
const PATIENCE_MS = 30_000;

/**
 * Looks whether a worker in a container sees the GPUs it holds. A worker that is none, or holds no real ones, is well.
 * For the start (below), and for whoever watches over workers: a reload of systemd can take the GPUs away later.
 */
export async function checkContainerGpus(
  world: World,
  worker: Pick<Worker, "id" | "leases">,
): Promise<GpuSight> {
  const ref = worker.leases.length === 0 ? null : readContainerFile(world.places.workerDir(worker.id));
  if (ref === null) return { kind: "well" };
  const amd = amdDevicesOf(
    world,
    worker.leases.map((lease) => lease.gpu.uuid),
  );
  if (amd.length > 0) return look(ref, { uuids: [], nodes: ["/dev/kfd", ...amd.map(({ node }) => node)] });
  const uuids = worker.leases.map((lease) => lease.gpu.uuid);
  const listed = readCdiDevices().filter(({ name }) => uuids.some((uuid) => name.endsWith(`=${uuid}`)));
  if (world.containers.areGpusVirtual && listed.length === 0) return { kind: "well" };
  return look(ref, { uuids, nodes: [...new Set(listed.flatMap(({ nodes }) => nodes))] });
}

/**
 * Resolves once a worker that was just started is seen to have its GPUs, or has ended; beside the wait for readiness, so
 * it adds nothing to a start.
 * @throws Failure worker/failed when it does not see them
 */
export async function verifyContainerGpus(world: World, worker: Worker, hand: Hand): Promise<void> {
  const { clock, log } = world;
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const sight = await checkContainerGpus(world, worker);
    if (hand.isGone || hand.abort.signal.aborted || sight.kind === "well") return;
    if (sight.kind === "lost") {
      throw new Failure("worker/failed", `the container of ${worker.name} does not see its GPU`, {
        why: sight.why,
        hint: "nvidia-ctk cdi list; and see docs/containers.md",
      });
    }
    if (clock.monotonicMs() > untilMs)
      return log.warn({ worker: worker.name, why: sight.why }, "cannot look for the GPUs of a container");
    await sleep(AGAIN_MS);
  }
}
