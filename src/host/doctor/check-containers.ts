import { existsSync } from "node:fs";
import { createContainerEngines, type FoundEngine } from "../../engine/container/find-container-engine.ts";
import { type CdiDevice, cdiFolders, readCdiDevices } from "../../runtime/cdi.ts";
import { systemClock } from "../../std/clock.ts";
import { toFailure } from "../../std/failure.ts";
import { bad, type Check, type Finding, ok, warn } from "./finding.ts";

/** What runs containers, and how GPUs get into them. Only runtimes with an image need it. */
export const checkContainers: Check = {
  name: "containers",
  async look(host) {
    const loaded = await host.config.catch(() => null);
    const engine = loaded?.config.containerEngine ?? "auto";
    const globalArgs = loaded?.config.containerGlobalArgs ?? [];
    const engines = createContainerEngines({ engine, globalArgs, env: host.env, clock: systemClock });
    try {
      const found = await engines.find();
      const kind = `${found.kind} ${found.version}${found.isRootless ? ", rootless" : ""}`;
      return [ok("containers", kind), ...checkAccess(found)];
    } catch (error) {
      const { message, why, hint } = toFailure(error);
      const level = engine === "auto" ? warn : bad;
      return [
        level("containers", `${message}; runtimes with an image cannot run`, why ?? null, hint ?? null),
      ];
    }
  },
};

/** GPUs of NVIDIA are named to the engine by CDI; see docs/containers.md. */
function checkAccess(engine: FoundEngine): Finding[] {
  return existsSync("/proc/driver/nvidia") ? [judgeGpuAccess(engine, readCdiDevices(), existsSync)] : [];
}

/** Whether containers get at GPUs of NVIDIA, by the devices that CDI lists and the device nodes that are there. */
export function judgeGpuAccess(
  engine: Pick<FoundEngine, "kind" | "version" | "knowsCdi">,
  listed: readonly CdiDevice[],
  isThere: (path: string) => boolean,
): Finding {
  const generate = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml";
  if (!engine.knowsCdi) {
    const why = `${engine.kind} ${engine.version} does not know CDI; --gpus needs the NVIDIA container toolkit`;
    return warn(
      "container gpus",
      "GPUs have no CDI names here",
      why,
      `update ${engine.kind}; then: ${generate}`,
    );
  }
  const devices = listed.filter(({ name }) => name.startsWith("nvidia.com/gpu="));
  if (devices.length === 0)
    return warn("container gpus", "no CDI specification lists the GPUs", cdiFolders.join(", "), generate);
  const gone = devices.flatMap(({ nodes }) => nodes).find((node) => !isThere(node));
  if (gone === undefined) return ok("container gpus", `${devices.length} CDI devices`);
  return warn(
    "container gpus",
    "the CDI specification is out of date",
    `it names ${gone}, which is gone`,
    generate,
  );
}
