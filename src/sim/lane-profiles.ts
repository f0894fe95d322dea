import type { LaneSpec } from "../scheduler/model.ts";
import type { Rng } from "../std/rng.ts";

/** A lane and how its virtual workers behave. Times are upper bounds: each is drawn between a tenth and all of it. */
export interface LaneProfile {
  readonly spec: LaneSpec;
  readonly loadMs: number;
  readonly jobMs: number;
  /** What its programs need on each GPU, whatever was declared; undefined = as much as they are leased. */
  readonly vramNeedBytes?: number;
  /** How they sleep; what stays on each GPU may be more than was declared. */
  readonly sleep?: {
    readonly canSleep: boolean;
    readonly sleepMs: number;
    readonly wakeMs: number;
    readonly residueBytes: number;
  };
}

const GIB = 2 ** 30;

/** Of those that are over at all, also after the owner has edited the lane. */
export const LONGEST_KEEP_ALIVE_MS = 20_000;

const plain: Omit<LaneSpec, "key"> = {
  runtime: "model",
  load: "{}",
  title: "model",
  residency: "resident",
  gpuCount: 1,
  mode: "exclusive",
  vramBytes: null,
  cpuCores: 0,
  ramBytes: 0,
  slots: 1,
  minReplicas: 0,
  maxReplicas: 1,
  keepAliveMs: 10_000,
  minResidencyMs: 0,
  stopTimeoutMs: 2_000,
  sleep: null,
  needsPreparation: null,
  gpuVendor: null,
};

/** A lane spec with a name of its own; what is not given is a resident model that takes a whole GPU. */
export function laneSpec(key: string, overrides: Partial<LaneSpec> = {}): LaneSpec {
  const spec = { ...plain, key, runtime: key, title: key, ...overrides };
  // A command without a GPU holds a core.
  const cores = spec.gpuCount === 0 && spec.residency === "one-shot" ? 1 : 0;
  return { ...spec, cpuCores: overrides.cpuCores ?? cores };
}

/** Two to six lanes of different shapes for a host with `gpuCount` GPUs. */
export function chooseLanes(rng: Rng, gpuCount: number): LaneProfile[] {
  const count = 2 + rng.below(5);
  return Array.from({ length: count }, (_, index) => {
    const spec = chooseSpec(rng, `lane-${index}`, gpuCount);
    const declared = spec.vramBytes;
    // Most declare more than they need; some far too little.
    const isKnown = declared !== null && rng.chance(0.5);
    return {
      spec,
      loadMs: rng.pick([300, 2_000, 8_000]),
      jobMs: rng.pick([200, 1_000, 5_000]),
      ...(isKnown ? { vramNeedBytes: Math.round(declared * rng.pick([0.5, 0.9, 1.2, 2])) } : {}),
    };
  });
}

/** The lane with workers that can sleep, if it may have any. What stays is mostly as declared, now and then much more. */
export function sleeping(rng: Rng, lane: LaneProfile): LaneProfile {
  const { residency, gpuCount, keepAliveMs, stopTimeoutMs } = lane.spec;
  if (residency === "one-shot" || gpuCount === 0 || keepAliveMs === 0) return lane;
  const residueBytes = rng.pick([0.25, 0.5, 2]) * GIB;
  const sleep = {
    level: rng.pick([1, 2] as const),
    residueBytes,
    ramBytes: rng.pick([null, 0, GIB, 2 * GIB]),
    timeoutMs: 5_000,
  };
  return {
    ...lane,
    spec: { ...lane.spec, sleep },
    sleep: {
      canSleep: !rng.chance(0.1),
      sleepMs: stopTimeoutMs / 2,
      wakeMs: lane.loadMs * rng.pick([0.1, 0.5]),
      residueBytes: residueBytes * rng.pick([0.5, 1, 1, 1, 3]),
    },
  };
}

/** Two to four models that contend for a GPU which has room for one of them. */
export function rivals(rng: Rng): LaneProfile[] {
  return Array.from({ length: 2 + rng.below(3) }, (_, index) => ({
    spec: laneSpec(`rival-${index}`, {
      keepAliveMs: LONGEST_KEEP_ALIVE_MS,
      minResidencyMs: rng.pick([0, 0, 2_000]),
      stopTimeoutMs: rng.pick([500, 2_000]),
    }),
    loadMs: rng.pick([300, 2_000, 8_000]),
    jobMs: rng.pick([200, 1_000, 5_000]),
  }));
}

function chooseSpec(rng: Rng, key: string, gpuCount: number): LaneSpec {
  const spec = laneSpec(key, { ...chooseShape(rng, gpuCount), ...choosePreparation(key) });
  if (spec.residency === "one-shot")
    return { ...spec, slots: 1, maxReplicas: 1, keepAliveMs: null, minResidencyMs: 0 };
  // Whoever stays for ever would keep the cores and the memory for ever.
  return spec.keepAliveMs === null ? { ...spec, cpuCores: 0, ramBytes: 0 } : spec;
}

/** By its name and not by chance, so that seeds stand for the worlds that they stood for before. */
function choosePreparation(key: string): Partial<LaneSpec> {
  if (key === "lane-1") return { needsPreparation: "environment" };
  return key === "lane-4" ? { needsPreparation: "image" } : {};
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
    keepAliveMs: rng.pick([null, 0, 2_000, LONGEST_KEEP_ALIVE_MS]),
    stopTimeoutMs: rng.pick([500, 2_000, 5_000]),
    minResidencyMs: rng.pick([0, 0, 0, 5_000]),
    ...(rng.chance(0.2) ? { cpuCores: 1 } : {}),
    ...(rng.chance(0.2) ? { ramBytes: rng.pick([1, 2]) * GIB } : {}),
  };
}

/** The lane as its owner may have edited it meanwhile: same key, other numbers. */
export function editSpec(rng: Rng, spec: LaneSpec): LaneSpec {
  if (spec.residency === "one-shot") return { ...spec, stopTimeoutMs: rng.pick([500, 2_000, 5_000]) };
  return {
    ...spec,
    sleep: spec.sleep !== null && rng.chance(0.5) ? spec.sleep : null,
    slots: rng.pick([1, 2, 3]),
    maxReplicas: rng.pick([1, 2]),
    gpuCount: spec.gpuCount === 0 ? 0 : rng.pick([spec.gpuCount, 1]),
    vramBytes: spec.vramBytes === null ? null : rng.pick([2, 4, 6, 7]) * GIB,
    keepAliveMs: rng.pick([
      spec.cpuCores + spec.ramBytes > 0 ? 2_000 : null,
      0,
      2_000,
      LONGEST_KEEP_ALIVE_MS,
    ]),
  };
}
