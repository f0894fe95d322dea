import type { DryLaunch } from "../../operations/context.ts";
import { gpuEnvOf } from "../../operations/gpu-env.ts";
import { planContainerCommand } from "../../runtime/container-command.ts";
import { laneOf } from "../../runtime/lane.ts";
import { type LaunchContext, planLaunch } from "../../runtime/launch.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { containerHost, gpuAccess } from "../containers/prepare-container.ts";
import type { World } from "../world.ts";

/** What would be started for a submission, with stand-ins for what only a real start decides. */
export async function dryLaunch(world: World, { runtime: name, params, gpuUuids }: DryLaunch) {
  const runtime = world.runtimes.get(name);
  const { places } = world;
  const workerId = world.state().nextWorkerId;
  const jobId = world.state().nextJobId;
  const isContainer = runtime.engine === "container";
  const socket = isContainer ? places.containerSocket(workerId) : places.workerSocket(workerId);
  const context = {
    load: laneOf(runtime, params).load,
    gpuUuids,
    gpuEnv: gpuEnvOf(world.sampler.latest(), gpuUuids),
    vramBytes: null,
    socketPath: runtime.protocol === "orch" ? socket : null,
    // A free port is chosen at the start; a server that has one of its own shows it.
    port: runtime.server === null ? null : (runtime.server.port ?? 0),
    fence: world.state().lastFence + 1,
    workerId,
    instanceId: world.instanceId,
    sdkDir: world.sdkDir,
    pythonPath: null,
    // A container's mounts may be relative to HOME; what the program itself inherits is not worth showing.
    baseEnv: isContainer ? world.baseEnv : {},
    job:
      runtime.protocol === "exec"
        ? {
            jobId,
            params,
            paramsPath: places.paramsFile(workerId),
            outputDir: places.jobOutputDir(jobId),
            eventsPath: places.eventsFile(workerId),
          }
        : null,
  };
  return isContainer ? dryContainer(world, runtime, context) : planLaunch(runtime, context);
}

/** What cannot be asked of this host's engine is shown as it most often is. */
async function dryContainer(world: World, runtime: Runtime, context: LaunchContext) {
  const { workerId, gpuUuids } = context;
  const engine = await world.containers.engines.find().catch(() => null);
  const command = { kind: "docker", command: ["docker"], isRootless: false } as const;
  const host = containerHost(world, engine ?? command, workerId, {
    ramBytes: runtime.ramBytes,
    cpuCores: runtime.cpus ?? 0,
  });
  const cdiArgs = gpuUuids.flatMap((uuid) => ["--device", `nvidia.com/gpu=${uuid}`]);
  let gpuArgs: readonly string[] = cdiArgs;
  try {
    if (engine !== null) gpuArgs = gpuAccess(world, engine, gpuUuids).args;
  } catch {
    // The start would fail, and say why.
  }
  const secretsDir = runtime.secrets.length === 0 ? null : `${world.places.containerDir(workerId)}/secrets`;
  return planContainerCommand(runtime, context, { ...host, gpuArgs, secretsDir });
}
