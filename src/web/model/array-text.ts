import type { ArrayStatus } from "../../protocol/array-status.ts";
import type { JobView } from "../../protocol/views.ts";
import { countText } from "./units.ts";

type State = JobView["state"];

/** From what is done to what has yet to come: the order of the parts of its bar. */
const order = [
  "succeeded",
  "failed",
  "cancelled",
  "running",
  "starting",
  "queued",
  "held",
] as const satisfies readonly State[];

/** Of the jobs of an array those in one state. */
export interface ArrayPart {
  readonly state: State;
  readonly count: number;
  /** Of all its jobs, 0 to 1. */
  readonly share: number;
}

/** The jobs of an array by state, as a bar shows them; states without jobs are left out. */
export function arrayParts({ jobs, total }: Pick<ArrayStatus, "jobs" | "total">): ArrayPart[] {
  return order.flatMap((state) => {
    const count = jobs[state] ?? 0;
    return count === 0 ? [] : [{ state, count, share: count / total }];
  });
}

/** "34 succeeded, 2 failed, 4 running, 60 queued" */
export function arrayText(status: Pick<ArrayStatus, "jobs" | "total">): string {
  return arrayParts(status)
    .map(({ state, count }) => `${countText(count)} ${state}`)
    .join(", ");
}

/** The state that says most of the whole: what is at work, else what waits, else the worst end. */
export function arrayState({ jobs }: Pick<ArrayStatus, "jobs">): State {
  const first = (["running", "starting", "queued", "held", "failed", "cancelled"] as const).find(
    (state) => (jobs[state] ?? 0) > 0,
  );
  return first ?? "succeeded";
}

/** Jobs of one array as one line, where the first of them stands; how many of them were listed. */
export function foldLines<L extends { readonly job: Pick<JobView, "array" | "state"> }>(
  lines: readonly L[],
): { readonly line: L; readonly jobs: number }[] {
  const folded = new Map<unknown, { line: L; jobs: number }>();
  for (const line of lines) {
    const { array, state } = line.job;
    // How a job ended is shown with it.
    const end = isWaiting(state) ? "" : state;
    const key = array === null ? line : `${array.id} ${end}`;
    const known = folded.get(key);
    if (known === undefined) folded.set(key, { line, jobs: 1 });
    else known.jobs += 1;
  }
  return [...folded.values()];
}

function isWaiting(state: State): boolean {
  return state === "queued" || state === "held";
}
