import path from "node:path";
import type { Config } from "../../config/config.ts";
import { createImages, type Images } from "../../engine/container/container-image.ts";
import { type ContainerLedger, openContainerLedger } from "../../engine/container/container-ledger.ts";
import { createEndedContainers, type EndedContainers } from "../../engine/container/ended-containers.ts";
import {
  type ContainerEngines,
  createContainerEngines,
} from "../../engine/container/find-container-engine.ts";
import type { Clock } from "../../std/clock.ts";

/** What the running of containers works with. */
export interface Containers {
  readonly engines: ContainerEngines;
  readonly images: Images;
  readonly ledger: ContainerLedger;
  readonly ended: EndedContainers;
  /** Arguments of every `run`, from the config. */
  readonly args: readonly string[];
  /** GPUs that exist only in orch: a container gets them only if a CDI specification lists them. */
  readonly areGpusVirtual: boolean;
}

/** Nothing is asked of any engine before the first container needs one. */
export function openContainers(options: {
  readonly config: Pick<Config, "containerEngine" | "containerGlobalArgs" | "containerArgs">;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly probeKind: string;
  readonly instanceId: string;
}): Containers {
  const { config, clock, probeKind, instanceId } = options;
  return {
    engines: createContainerEngines({
      engine: config.containerEngine,
      globalArgs: config.containerGlobalArgs,
      env: process.env,
      clock,
    }),
    images: createImages(clock),
    ended: createEndedContainers(instanceId),
    ledger: openContainerLedger(path.join(options.stateDir, "container-engines.json")),
    args: config.containerArgs,
    areGpusVirtual: probeKind === "virtual",
  };
}
