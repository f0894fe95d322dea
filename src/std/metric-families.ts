// Why not prom-client, whose registry the ecosystem knows: nearly all values here are read from the scheduler's state when they
// are asked for, so what has to be kept is two small classes; its registry gives one of the two formats for good (asked for
// OpenMetrics it renames its counters); and loading it adds 50 ms to the start of the daemon.

export type MetricType = "counter" | "gauge" | "histogram";

/** What a metric is, without its values: the table in docs/metrics.md is made of these. */
export interface MetricSpec {
  /** By the rules of Prometheus: a base unit as suffix, `_total` for what only grows. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[];
}

type Labels = readonly string[];

/** A series is known by the values of its labels, joined by a character that ends none of them. */
const SEPARATOR = "\u0001";
const keyOf = (labels: Labels): string =>
  labels.length === 2 ? `${labels[0]}${SEPARATOR}${labels[1]}` : labels.join(SEPARATOR);

/** One metric with all its series. */
export interface Family {
  readonly spec: MetricSpec;
  /** The lines of its series; `name{labels} value`. */
  lines(into: string[]): void;
}

/** A counter or gauge. */
export class Values implements Family {
  readonly spec: MetricSpec;
  private readonly series = new Map<string, number>();

  constructor(spec: MetricSpec) {
    this.spec = spec;
    if (spec.labels.length === 0 && spec.type === "counter") this.series.set("", 0);
  }

  /** Label values in the order of the declaration. */
  add(amount: number, ...labels: Labels): void {
    const key = keyOf(labels);
    this.series.set(key, (this.series.get(key) ?? 0) + amount);
  }

  set(value: number, ...labels: Labels): void {
    this.series.set(keyOf(labels), value);
  }

  /** As `set`, unless what is there is larger. */
  raise(value: number, ...labels: Labels): void {
    const key = keyOf(labels);
    this.series.set(key, Math.max(value, this.series.get(key) ?? value));
  }

  /** 0 for a series that is not there. */
  get(...labels: Labels): number {
    return this.series.get(keyOf(labels)) ?? 0;
  }

  /** A gauge is filled anew for each scrape: what is gone has no series. */
  clear(): void {
    this.series.clear();
  }

  lines(into: string[]): void {
    const { name, labels } = this.spec;
    for (const [key, value] of this.series) into.push(`${name}${braces(labels, key)} ${numeral(value)}`);
  }
}

interface Counts {
  readonly buckets: Float64Array;
  count: number;
  sum: number;
}

/** Observations by size. */
export class Histogram implements Family {
  readonly spec: MetricSpec;
  private readonly bounds: readonly number[];
  private readonly series = new Map<string, Counts>();

  constructor(spec: MetricSpec) {
    this.spec = spec;
    this.bounds = spec.buckets ?? [];
    if (spec.labels.length === 0) this.countsOf("");
  }

  /** In the unit of its name; what is below zero (a clock that was set back) counts as zero. */
  observe(value: number, ...labels: Labels): void {
    const counts = this.countsOf(keyOf(labels));
    const seen = Math.max(0, value);
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && seen > (bounds[at] ?? 0)) at += 1;
    counts.buckets[at] = (counts.buckets[at] ?? 0) + 1;
    counts.count += 1;
    counts.sum += seen;
  }

  lines(into: string[]): void {
    const { name, labels } = this.spec;
    for (const [key, { buckets, count, sum }] of this.series) {
      let below = 0;
      for (const [at, bound] of this.bounds.entries()) {
        below += buckets[at] ?? 0;
        into.push(`${name}_bucket${braces(labels, key, numeral(bound))} ${below}`);
      }
      into.push(`${name}_bucket${braces(labels, key, "+Inf")} ${count}`);
      into.push(`${name}_sum${braces(labels, key)} ${numeral(sum)}`);
      into.push(`${name}_count${braces(labels, key)} ${count}`);
    }
  }

  private countsOf(key: string): Counts {
    const known = this.series.get(key);
    if (known !== undefined) return known;
    const fresh: Counts = { buckets: new Float64Array(this.bounds.length + 1), count: 0, sum: 0 };
    this.series.set(key, fresh);
    return fresh;
  }
}

/** The formats that Prometheus asks for. */
export type MetricFormat = "prometheus" | "openmetrics";

/**
 * All series as text. OpenMetrics names a family of counters without the `_total` of its series, and ends with a line of its
 * own; a counter without that suffix is of no known type to it.
 */
export function writeMetrics(families: Iterable<Family>, format: MetricFormat): string {
  const lines: string[] = [];
  for (const family of families) {
    const { name, type, help } = family.spec;
    const isOpen = format === "openmetrics";
    const isTotal = name.endsWith("_total");
    const title = isOpen && isTotal ? name.slice(0, -"_total".length) : name;
    lines.push(`# HELP ${title} ${help}`);
    lines.push(`# TYPE ${title} ${isOpen && type === "counter" && !isTotal ? "unknown" : type}`);
    family.lines(lines);
  }
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

function braces(names: Labels, key: string, bound?: string): string {
  const values = names.length === 1 ? [key] : key.split(SEPARATOR);
  const pairs = names.map((name, at) => `${name}="${escaped(values[at] ?? "")}"`);
  if (bound !== undefined) pairs.push(`le="${bound}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return /[\\"\n]/.test(text)
    ? text.replace(/[\\"\n]/g, (mark) => (mark === "\n" ? "\\n" : `\\${mark}`))
    : text;
}

function numeral(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}
