import type { DryLaunch } from "../operations/context.ts";
import { planContainerCommand } from "../runtime/container-command.ts";
import { laneOf } from "../runtime/lane.ts";
import { planLaunch } from "../runtime/launch.ts";
import type { World } from "./world.ts";

/** What would be started for a submission, with stand-ins for what only a real start decides. */
export function dryLaunch(world: World, { runtime: name, params, gpuUuids }: DryLaunch) {
  const runtime = world.runtimes.get(name);
  const workerId = world.state().nextWorkerId;
  const jobId = world.state().nextJobId;
  const isExec = runtime.protocol === "exec";
  const context = {
    load: laneOf(runtime, params).load,
    gpuUuids,
    vramBytes: null,
    socketPath: runtime.protocol === "orch" ? world.places.workerSocket(workerId) : null,
    // A free port is chosen at the start; a server that has one of its own shows it.
    port: runtime.server === null ? null : (runtime.server.port ?? 0),
    fence: world.state().lastFence + 1,
    workerId,
    instanceId: world.instanceId,
    sdkDir: world.sdkDir,
    pythonPath: null,
    // A container's mounts may be relative to HOME; what the program itself inherits is not worth showing.
    baseEnv: runtime.engine === "container" ? world.baseEnv : {},
    job: isExec
      ? {
          jobId,
          params,
          paramsPath: world.places.paramsFile(workerId),
          outputDir: world.places.jobOutputDir(jobId),
          eventsPath: world.places.eventsFile(workerId),
        }
      : null,
  };
  return runtime.engine === "container"
    ? { ...planContainerCommand(runtime, context), env: {} }
    : planLaunch(runtime, context);
}
