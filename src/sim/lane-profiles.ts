import type { LaneSpec } from "../scheduler/model.ts";
import type { Rng } from "../std/rng.ts";

/** A lane and how its virtual workers behave. Times are upper bounds: each is drawn between a tenth and all of it. */
export interface LaneProfile {
  readonly spec: LaneSpec;
  readonly loadMs: number;
  readonly jobMs: number;
}

const GIB = 2 ** 30;

const plain: Omit<LaneSpec, "key"> = {
  runtime: "model",
  load: "{}",
  title: "model",
  residency: "resident",
  gpuCount: 1,
  mode: "exclusive",
  vramBytes: null,
  slots: 1,
  maxReplicas: 1,
  keepAliveMs: 10_000,
  stopTimeoutMs: 2_000,
};

/** A lane spec with a name of its own; what is not given is a resident model that takes a whole GPU. */
export function laneSpec(key: string, overrides: Partial<LaneSpec> = {}): LaneSpec {
  return { ...plain, key, runtime: key, title: key, ...overrides };
}

/** Two to six lanes of different shapes for a host with `gpuCount` GPUs. */
export function chooseLanes(rng: Rng, gpuCount: number): LaneProfile[] {
  const count = 2 + rng.below(5);
  return Array.from({ length: count }, (_, index) => ({
    spec: chooseSpec(rng, `lane-${index}`, gpuCount),
    loadMs: rng.pick([300, 2_000, 8_000]),
    jobMs: rng.pick([200, 1_000, 5_000]),
  }));
}

function chooseSpec(rng: Rng, key: string, gpuCount: number): LaneSpec {
  const spec = laneSpec(key, chooseShape(rng, gpuCount));
  return spec.residency === "one-shot" ? { ...spec, slots: 1, maxReplicas: 1, keepAliveMs: null } : spec;
}

function chooseShape(rng: Rng, gpuCount: number): Partial<LaneSpec> {
  const mode = rng.chance(0.35) ? "shared" : "exclusive";
  const isWhole = mode === "exclusive" && rng.chance(0.6);
  return {
    residency: rng.chance(0.65) ? "resident" : "one-shot",
    gpuCount: rng.chance(0.15) ? 0 : rng.chance(0.2) ? Math.min(2, gpuCount) : 1,
    mode,
    vramBytes: isWhole ? null : rng.pick([2, 4, 6, 7]) * GIB,
    slots: rng.pick([1, 1, 2, 3]),
    maxReplicas: rng.pick([1, 1, 2, 3]),
    keepAliveMs: rng.pick([null, 0, 2_000, 20_000]),
    stopTimeoutMs: rng.pick([500, 2_000, 5_000]),
  };
}

/** The lane as its owner may have edited it meanwhile: same key, other numbers. */
export function editSpec(rng: Rng, spec: LaneSpec): LaneSpec {
  if (spec.residency === "one-shot") return { ...spec, stopTimeoutMs: rng.pick([500, 2_000, 5_000]) };
  return {
    ...spec,
    slots: rng.pick([1, 2, 3]),
    maxReplicas: rng.pick([1, 2]),
    gpuCount: spec.gpuCount === 0 ? 0 : rng.pick([spec.gpuCount, 1]),
    vramBytes: spec.vramBytes === null ? null : rng.pick([2, 4, 6, 7]) * GIB,
    keepAliveMs: rng.pick([null, 0, 2_000, 20_000]),
  };
}
