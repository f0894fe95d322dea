// Leases over time, from orch's own event log.

const WIDTH = 72;

/** Pairs grants with releases: {worker, gpu, seq, fromMs, toMs}. */
export function leasesOf(events) {
  const leases = [];
  for (const { type, worker, gpu, at, seq } of events) {
    if (type === "lease-granted")
      leases.push({ worker, gpu, seq, fromMs: Date.parse(at), toMs: Number.POSITIVE_INFINITY });
    if (type !== "lease-released") continue;
    const open = leases.find(
      (lease) => lease.worker === worker && lease.gpu === gpu && lease.toMs === Number.POSITIVE_INFINITY,
    );
    if (open) open.toMs = Date.parse(at);
  }
  return leases;
}

/** Pairs of leases of one GPU that overlap in time: there may be none. */
export function overlaps(leases) {
  const clashes = [];
  for (const [index, left] of leases.entries()) {
    for (const right of leases.slice(index + 1)) {
      const apart = left.gpu !== right.gpu || left.toMs <= right.fromMs || right.toMs <= left.fromMs;
      if (!apart) clashes.push(`${left.worker} and ${right.worker} on ${left.gpu}`);
    }
  }
  return clashes;
}

/** How often a GPU passed from one worker to another. */
export function switchesOf(leases) {
  const held = Map.groupBy ? Map.groupBy(leases, (lease) => lease.gpu) : groupByGpu(leases);
  return [...held.values()].reduce((sum, group) => sum + Math.max(0, group.length - 1), 0);
}

function groupByGpu(leases) {
  const groups = new Map();
  for (const lease of leases) groups.set(lease.gpu, [...(groups.get(lease.gpu) ?? []), lease]);
  return groups;
}

/** One line per lease: when it was held, from the first grant to the last release. */
export function chart(leases, gpus) {
  const indexOf = new Map(gpus.map((gpu) => [gpu.uuid, gpu.index]));
  const ends = leases.map((lease) => lease.toMs).filter(Number.isFinite);
  const startMs = Math.min(...leases.map((lease) => lease.fromMs));
  const endMs = Math.max(...ends, ...leases.map((lease) => lease.fromMs)) + 1;
  const column = (ms) => Math.round(((Math.min(ms, endMs) - startMs) / (endMs - startMs)) * WIDTH);
  return leases.map((lease) => {
    const from = Math.min(column(lease.fromMs), WIDTH - 1);
    const length = Math.max(1, column(lease.toMs) - from);
    const bar = `${" ".repeat(from)}${"█".repeat(length)}`.padEnd(WIDTH);
    const seconds = Number.isFinite(lease.toMs)
      ? `${((lease.toMs - lease.fromMs) / 1000).toFixed(2)} s`
      : "still";
    return `GPU ${indexOf.get(lease.gpu) ?? "?"} ${lease.worker.padEnd(16)} │${bar}│ ${seconds}`;
  });
}
