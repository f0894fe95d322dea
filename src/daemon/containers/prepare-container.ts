import fs from "node:fs";
import type { ContainerRef } from "../../engine/container/container-cli.ts";
import { ID_FILE } from "../../engine/container/container-runner.ts";
import type { FoundEngine } from "../../engine/container/find-container-engine.ts";
import { amdArguments, type GpuAccess, gpuArguments } from "../../engine/container/gpu-arguments.ts";
import { readCdiDevices } from "../../runtime/cdi.ts";
import { type ContainerHost, containerName, planContainerCommand } from "../../runtime/container-command.ts";
import type { LaunchContext, LaunchPlan } from "../../runtime/launch.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { amdDevicesOf } from "../gpus/gpu-env.ts";
import type { World } from "../world.ts";
import { makeContainerFiles } from "./container-files.ts";
import { engineWithImage } from "./ensure-image.ts";

/** Where several users are served, a program with the setuid bit in an image makes nobody root. */
const NO_MORE_RIGHTS = ["--security-opt=no-new-privileges"];

/** What a worker holds of the host. */
interface Needs {
  readonly ramBytes: number;
  readonly cpuCores: number;
}

/**
 * Decides how a worker's container is run, and puts its files in place.
 * @param env what its one job adds to the environment
 * @throws Failure engine/unavailable, engine/unprepared, and those of makeContainerFiles
 */
export async function prepareContainer(
  world: World,
  runtime: Runtime,
  context: LaunchContext,
  needs: Needs,
  env: Readonly<Record<string, string>>,
): Promise<LaunchPlan & { readonly container: ContainerRef }> {
  const engine = await engineWithImage(world.containers, runtime);
  const gpuArgs = gpuAccess(world, engine, context.gpuUuids).args;
  const secretsDir = makeContainerFiles(world, context.workerId, runtime);
  // What does not exist would be mounted as a folder.
  if (context.job !== null) fs.writeFileSync(context.job.eventsPath, "", { flag: "a", mode: 0o600 });
  const exchangeDir = world.contacts.get(context.workerId)?.exchange?.dir ?? null;
  if (exchangeDir !== null) makeExchangeRoot(exchangeDir);
  const host = {
    ...containerHost(world, engine, context.workerId, needs),
    gpuArgs,
    secretsDir,
    exchangeDir,
    env,
  };
  const { kind, command, env: engineEnv } = engine;
  return {
    ...planContainerCommand(runtime, context, host),
    container: { kind, command, env: engineEnv, name: host.name },
  };
}

/** Entered by name from inside; from outside the folder of all workers is in the way. */
function makeExchangeRoot(dir: string): void {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o711);
}

/** How the GPUs of a worker get into its container. @throws Failure engine/unavailable */
export function gpuAccess(world: World, engine: FoundEngine, uuids: readonly string[]): GpuAccess {
  const devices = readCdiDevices();
  const amd = amdDevicesOf(world, uuids);
  if (amd.length > 0) return amdArguments(engine, amd, devices);
  const isListed = uuids.every((uuid) => devices.some(({ name }) => name.endsWith(`=${uuid}`)));
  if (world.containers.areGpusVirtual && !isListed) return { args: [], nodes: [] };
  return gpuArguments(engine, uuids, devices);
}

/** What a plan has to know of this host, without GPUs and secrets. */
export function containerHost(
  world: World,
  engine: Pick<FoundEngine, "kind" | "command" | "isRootless">,
  workerId: number,
  { ramBytes, cpuCores }: Needs,
): ContainerHost {
  const { cpus, maxProcesses } = world.limits;
  const worker = world.users?.worker?.account;
  return {
    command: engine.command,
    kind: engine.kind,
    isRootless: engine.isRootless,
    uid: worker?.uid ?? process.getuid?.() ?? 0,
    gid: worker?.gid ?? process.getgid?.() ?? 0,
    args: [...(worker === undefined ? [] : NO_MORE_RIGHTS), ...world.containers.args],
    limits: {
      ramBytes: ramBytes > 0 ? ramBytes : null,
      cpuCores: cpus && cpuCores > 0 ? cpuCores : null,
      maxProcesses,
    },
    env: {},
    gpuArgs: [],
    name: containerName(world.instanceId, workerId),
    idFile: `${world.places.workerDir(workerId)}/${ID_FILE}`,
    secretsDir: null,
    exchangeDir: null,
  };
}
