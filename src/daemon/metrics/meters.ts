import {
  type Family,
  Histogram,
  type MetricSpec,
  type MetricType,
  Values,
} from "../../std/metric-families.ts";
import { metricList } from "./metric-list.ts";

type FamilyOf<T extends MetricType> = T extends "histogram" ? Histogram : Values;

type FamiliesOf<L extends Readonly<Record<string, MetricSpec>>> = {
  readonly [K in keyof L]: FamilyOf<L[K]["type"]>;
};

/** The metrics of orch with their values, by their names in the list. */
export type Meters = FamiliesOf<typeof metricList>;

/** Families without values for a list of metrics. */
export function createFamilies<L extends Readonly<Record<string, MetricSpec>>>(list: L): FamiliesOf<L> {
  const made = Object.entries(list).map(([key, spec]): [string, Family] => [
    key,
    spec.type === "histogram" ? new Histogram(spec) : new Values(spec),
  ]);
  return Object.fromEntries(made) as FamiliesOf<L>;
}

/** All that orch counts, at zero. */
export function createMeters(): Meters {
  return createFamilies(metricList);
}

/** Gauges are filled anew for each scrape: what is gone has no series. */
export function clearGauges(meters: Meters): void {
  for (const family of Object.values<Family>(meters))
    if (family instanceof Values && family.spec.type === "gauge") family.clear();
}
