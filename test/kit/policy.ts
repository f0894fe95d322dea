import type { Policy } from "../../src/scheduler/model.ts";

/** A host without limits but two cores; `overrides` say what is special about it. */
export function testPolicy(overrides: Partial<Policy> = {}): Policy {
  return {
    cpuCores: 2,
    ramBytes: 0,
    quantumFactor: 4,
    vramReserveBytes: 0,
    urgency: Math.SQRT2,
    fairShareHalfLifeMs: 7 * 86_400_000,
    quotas: {},
    ...overrides,
  };
}
