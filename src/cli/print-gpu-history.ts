import { formatDurationMs } from "../std/duration.ts";
import { flagReader } from "./arguments.ts";
import type { Context } from "./context.ts";
import { readPastTime } from "./submit/past-time.ts";
import {
  type CurveStyle,
  countUnlisted,
  curveColumns,
  curveRows,
  curveWidth,
  holderColumns,
  holderRows,
} from "./text/gpu-history-text.ts";
import { hasUtf8 } from "./text/has-utf8.ts";

/** Of a line where stdout is no terminal. */
const PIPE_COLUMNS = 100;

/** Which GPUs, and from when to when, as typed. */
interface Asked {
  readonly since?: string;
  readonly until?: string;
  readonly gpu?: string;
}

/** Prints what the GPUs did, as curves as wide as the terminal. Resolves with the exit code. @throws Failure usage/invalid and others */
export async function printGpuHistory(context: Context, { since, until, gpu }: Asked): Promise<number> {
  const { io, out, connect } = context;
  const nowMs = io.clock.nowMs();
  const timeOf = (flag: string, text: string): string =>
    new Date(flagReader(flag, (typed) => readPastTime(typed, nowMs))(text)).toISOString();
  const asked = {
    ...(since === undefined ? {} : { since: timeOf("--since", since) }),
    ...(until === undefined ? {} : { until: timeOf("--until", until) }),
    ...(gpu === undefined ? {} : { gpu }),
  };
  const columns = io.stdout.isTTY === true ? (io.stdout.columns ?? 80) : PIPE_COLUMNS;
  const client = await connect();
  const history = await client.call("GET /gpus/history", {
    ...asked,
    ...(out.format.json ? {} : { points: curveWidth(columns) }),
  });
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const style: CurveStyle = { nowMs, timeZone, isUtf8: hasUtf8(io.env) };
  out.result(history, {
    ids: history.gpus.map(({ uuid }) => uuid),
    text() {
      if (history.gpus.length === 0) return out.note("no GPUs");
      out.table(curveRows(history, style), curveColumns(history, style));
      const holders = holderRows(history);
      if (holders.length > 0) {
        out.print("");
        out.table(holders, holderColumns(style));
      }
    },
  });
  if (out.format.json || out.format.quiet) return 0;
  if (history.gpus.length > 0) out.hint(`a column is ${formatDurationMs(history.stepMs)}`);
  if (history.keptMs === null) out.note("nothing is kept yet: the first step is written after 5 s");
  for (const each of history.gpus) {
    const more = countUnlisted(each);
    if (more > 0) out.note(`GPU ${each.index}: ${more} earlier holders are not listed; --json has them`);
  }
  return 0;
}
