/** Metrics as Prometheus would read them. */
export interface Metrics {
  /** Names of families, as their TYPE lines have them, with their types. */
  readonly families: ReadonlyMap<string, string>;
  /** All series: `name{label="value",…}` as written → value. */
  readonly series: ReadonlyMap<string, number>;
  /** The sum of all series of this name whose labels include these; null = there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | null;
}

/** Reads the text format; a line that is none is an error. */
export function readMetrics(text: string): Metrics {
  const families = new Map<string, string>();
  const series = new Map<string, number>();
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) families.set(type[1] ?? "", type[2] ?? "");
    if (line.startsWith("#")) continue;
    const found = /^([A-Za-z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line);
    if (found === null) throw new Error(`no series: ${line}`);
    const [, key = "", value = ""] = found;
    if (series.has(key)) throw new Error(`twice: ${key}`);
    series.set(key, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
  }
  return {
    families,
    series,
    sum(name, labels = {}) {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      let sum: number | null = null;
      for (const [key, value] of series) {
        const [own = "", rest = ""] = key.split("{");
        const pairs = rest.replace(/\}$/, "").split(",");
        if (own === name && wanted.every((pair) => pairs.includes(pair))) sum = (sum ?? 0) + value;
      }
      return sum;
    },
  };
}
