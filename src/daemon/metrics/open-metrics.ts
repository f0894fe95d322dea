import type { Config } from "../../config/config.ts";
import type { Paths } from "../../config/paths.ts";
import type { GpuSample } from "../../gpu/sample.ts";
import type { Keys } from "../../operations/context.ts";
import type { Clock } from "../../std/clock.ts";
import type { LoopWatch } from "../loop-watch.ts";
import type { World } from "../world.ts";
import { createJobMapping } from "./job-mapping.ts";
import type { Meters } from "./meters.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

interface Parts {
  readonly clock: Clock;
  readonly watch: Pick<LoopWatch, "listen">;
  readonly walBytes: () => number;
  readonly keys: Pick<Keys, "list">;
  readonly paths: Pick<Paths, "stateDir">;
  readonly config: Pick<Config, "metrics">;
}

/** The daemon's metrics, as the config asks for them. */
export function openMetrics(parts: Parts, meters: Meters, world: World): Metrics {
  const { clock, watch, walBytes, keys, paths, config } = parts;
  const { state, log } = world;
  const latestSample = (): GpuSample => world.sampler.latest();
  return createMetrics({
    ...{ meters, clock, watch, walBytes, state },
    latestSample,
    logSizes: () => world.logs.sizes(),
    countKeys: () => keys.list().length,
    stateDir: paths.stateDir,
    dcgm: config.metrics.dcgm,
    mapping: createJobMapping({ dir: config.metrics.dcgmJobMappingDir, state, latestSample, log }),
  });
}
