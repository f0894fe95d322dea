import { policyOf } from "../../src/replay/policies.ts";
import { type Replay, replay } from "../../src/replay/replay.ts";
import { readTrace, type TraceJob } from "../../src/replay/trace.ts";
import type { ReplayHost } from "../../src/replay/trace-requests.ts";

/** One GPU for one model at a time, ten seconds a switch. */
export const plainHost: ReplayHost = {
  gpus: 1,
  gpuBytes: 24 * 2 ** 30,
  residents: 1,
  replicas: 1,
  switchMs: 10_000,
  stopMs: 0,
};

/** The jobs of a trace of lines such as "0,a,5" (arrival_s,model,run_s); `columns` names others. */
export async function traceOf(
  lines: readonly string[],
  columns = "arrival_s,model,run_s",
): Promise<readonly TraceJob[]> {
  return (await readTrace([[columns, ...lines].join("\n")], "t.csv")).jobs;
}

/** Replays under the daemon's defaults. */
export function replayOn(jobs: readonly TraceJob[], host: Partial<ReplayHost> = {}): Replay {
  return replay(jobs, { ...plainHost, ...host }, policyOf({}));
}

/** The most residencies that a GPU had at one time. */
export function mostAtOnce({ residencies }: Replay, gpu: number): number {
  const changes = residencies
    .filter(({ gpus }) => gpus.includes(gpu))
    .flatMap(({ grantedMs, goneMs }) => [
      { atMs: grantedMs, by: 1 },
      { atMs: goneMs, by: -1 },
    ])
    .sort((left, right) => left.atMs - right.atMs || left.by - right.by);
  let now = 0;
  let most = 0;
  for (const { by } of changes) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
