import type { Policy } from "../scheduler/model.ts";
import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";

/** A policy to be compared: what it is, and the settings in which it differs from the daemon's defaults. */
export interface NamedPolicy {
  readonly summary: string;
  readonly settings: Partial<Policy>;
}

/** The policies that `--policy` knows. A new one is a line here: the scheduler reads nothing but its `Policy`. */
const policies: Readonly<Record<string, NamedPolicy>> = {
  orch: { summary: "the daemon's defaults", settings: {} },
  throughput: {
    summary: "urgency 0: most jobs done per second, whoever waits long",
    settings: { urgency: 0, quantumFactor: 1_000 },
  },
  patient: { summary: "urgency 0.7", settings: { urgency: 0.7 } },
  steep: { summary: "urgency 2", settings: { urgency: 2 } },
  oldest: { summary: "urgency 6: the oldest first", settings: { urgency: 6 } },
  unbounded: {
    summary: "a quantum so long that nobody is ever served for being due",
    settings: { quantumFactor: 1_000 },
  },
  tight: { summary: "a quantum of twice the switch and a run", settings: { quantumFactor: 2 } },
  eager: {
    summary: "no quantum: due lanes come one job at a time",
    settings: { quantumFactor: 0 },
  },
};

/** The settings of a replay's scheduler: the daemon's defaults, a host without other limits, then `settings`. */
export function policyOf(settings: Partial<Policy>): Policy {
  return {
    cpuCores: 1_000_000,
    ramBytes: 0,
    quantumFactor: 10,
    vramReserveBytes: 0,
    urgency: Math.SQRT2,
    fairShareHalfLifeMs: 7 * 86_400_000,
    quotas: {},
    ...settings,
  };
}

/**
 * The policies of these names, each once; "all" stands for all of them.
 * @throws Failure usage/invalid for a name that is not known
 */
export function choosePolicies(names: readonly string[]): ReadonlyMap<string, NamedPolicy> {
  const known = Object.keys(policies);
  const chosen = new Map<string, NamedPolicy>();
  for (const name of names.flatMap((given) => (given === "all" ? known : [given]))) {
    const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
    if (policy === undefined) throw unknownPolicy(name, known);
    chosen.set(name, policy);
  }
  return chosen;
}

function unknownPolicy(name: string, known: readonly string[]): Failure {
  const near = suggest(name, known);
  return new Failure("usage/invalid", `there is no policy "${name}"`, {
    why: `the policies are ${known.join(", ")}`,
    hint: `orch sim TRACE.csv --policy ${near ?? "all"}`,
  });
}
