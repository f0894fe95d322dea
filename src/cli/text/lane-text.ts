import type { LaneView, RuntimeDetail } from "../../protocol/learned-view.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";

/** A lane for people: without the inode, size and time behind the path of a file, which tell its versions apart. */
export function laneName(lane: string): string {
  return lane.replaceAll(/@\d+-\d+-\d+(?=$|[&#])/g, "");
}

/** What was learned of a lane, as aligned lines for people; what was not measured yet is left out. */
export function laneFields(view: LaneView): [string, string | number | null][] {
  const isMeasured = view.startMs !== null;
  return [
    ["lane", view.lane],
    ["workers", workersText(view)],
    ["start", view.startMs === null ? "not measured yet" : formatDurationMs(view.startMs)],
    ["stop", view.stopMs === null ? null : formatDurationMs(view.stopMs)],
    ["sleep", sleepText(view.sleep)],
    ["run", statsText(view.run)],
    ["switch cost", `${formatDurationMs(view.switchMs)}${isMeasured ? "" : " (assumed)"}`],
    ["quantum", formatDurationMs(view.quantumMs)],
    ["vram", vramText(view.vram)],
    ["eta error", statsText(view.etaError)],
  ];
}

/** "1.2 s, wakes in 0.8 s, keeps 1 GiB". */
function sleepText(sleep: LaneView["sleep"]): string | null {
  if (sleep === null) return null;
  const { sleepMs, wakeMs, residueBytes, isMeasured, ramBytes, off } = sleep;
  const parts = [
    sleepMs === null ? "not measured yet" : formatDurationMs(sleepMs),
    wakeMs === null ? null : `wakes in ${formatDurationMs(wakeMs)}`,
    `keeps ${formatBytes(residueBytes)}${isMeasured ? "" : " (declared)"}`,
    ramBytes === null ? null : `takes ${formatBytes(ramBytes)} of memory`,
    off === null ? null : `off: ${off}`,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

function workersText({ workers, queued, home }: LaneView): string {
  const kept = home === 0 ? "" : `, ${home} kept while there is room`;
  return `${workers}, ${queued} jobs queued${kept}`;
}

/** Run times by groups of params, as aligned lines: group, time. */
export function groupFields(groups: RuntimeDetail["groups"]): [string, string | null][] {
  return groups.map(({ group, run }) => [group.replaceAll("&", " "), statsText(run)]);
}

/** "2.1 s ± 0.3 s (12 runs)". */
function statsText(stats: LaneView["run"]): string | null {
  if (stats === null) return null;
  const { meanMs, deviationMs, count } = stats;
  const spread = count < 2 ? "" : ` ± ${formatDurationMs(deviationMs)}`;
  return `${formatDurationMs(meanMs)}${spread} (${count})`;
}

function vramText(vram: LaneView["vram"]): string | null {
  if (vram === null) return null;
  const { declaredBytes, peakBytes, floorBytes, nextLeaseBytes } = vram;
  return [
    declaredBytes === null ? "the whole GPU" : `${formatBytes(declaredBytes)} declared`,
    peakBytes === null ? null : `${formatBytes(peakBytes)} measured`,
    floorBytes === null ? null : `at least ${formatBytes(floorBytes)} since it ran out of memory`,
    nextLeaseBytes === null ? null : `next lease ${formatBytes(nextLeaseBytes)}`,
  ]
    .filter((part) => part !== null)
    .join(", ");
}
