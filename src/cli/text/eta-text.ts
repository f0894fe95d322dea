import type { EtaView } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { formatWhen } from "../../std/format-when.ts";

/**
 * "in 4 min, 14:32 (past answers for this lane were off by 45 s, 20 %, on average over 31)", on the clocks of this
 * process. One that is extrapolated begins with "about".
 */
export function describeEta({ at, extrapolated, error }: EtaView, nowMs: number): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const when = formatWhen(Date.parse(at), nowMs, timeZone);
  const share = error === null || error.share === null ? "" : `, ${Math.round(error.share * 100)} %,`;
  const trust =
    error === null
      ? ""
      : ` (past answers for this lane were off by ${formatDurationMs(error.meanMs)}${share} on average over ${error.count})`;
  return `${extrapolated ? "about " : ""}${when}${trust}`;
}
