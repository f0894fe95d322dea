import type { ArrayView } from "../../protocol/submission-views.ts";
import type { Output } from "../output.ts";

/** "jobs 12–111 (array 12, 100 jobs, at most 4 at once)" */
export function arraySentence({ array, first, last, jobs, atOnce }: ArrayView): string {
  const ids = jobs === 1 ? `job ${first}` : `jobs ${first}–${last}`;
  const limit = atOnce === null ? "" : `, at most ${atOnce} at once`;
  return `${ids} (array ${array}, ${jobs} job${jobs === 1 ? "" : "s"}${limit})`;
}

/** Says what to type next about an array that was queued. */
export function hintArray(out: Output, { array }: ArrayView): void {
  out.hint(`list: orch ls --array ${array}    cancel: orch cancel --array ${array}`);
}

/** The ids of an array's jobs: they follow each other. */
export function idsOf({ first, jobs }: ArrayView): number[] {
  return Array.from({ length: jobs }, (_, index) => first + index);
}

/** Says that nothing was queued, if so: the caller sees the same answer as the first time. */
export function noteRepeat(out: Output, { isRepeat }: { readonly isRepeat?: boolean | undefined }): void {
  if (isRepeat === true)
    out.note("orch: queued before with the same idempotency key; nothing new was queued");
}
