import type { ClientJobBook, ClientJobTally } from "../../gateway/compat/jobs/client-job-book.ts";
import { APP_LABEL } from "../../gateway/compat/jobs/job-id.ts";
import { giveWay } from "../../std/give-way.ts";
import type { LabelledJobs, LabelRange } from "../../store/labelled-jobs.ts";

/** Sets of labels that are looked at without giving way: 1 ms. */
const PIECE = 500;

/** The jobs of clients by their label. */
export function createClientJobBook(labelled: LabelledJobs): ClientJobBook {
  return {
    async tally(asked) {
      const sums = new Map<string, ClientJobTally>();
      for await (const range of rangesOf(labelled, null))
        for (const each of labelled.tally(range, asked)) {
          const { state } = each;
          const key = JSON.stringify([range.value, state]);
          const { jobs = 0, recent = 0, ran = 0, runMs = 0 } = sums.get(key) ?? {};
          sums.set(key, {
            ...{ app: range.value, state, jobs: jobs + each.jobs, recent: recent + each.recent },
            ...{ ran: ran + each.ran, runMs: runMs + each.runMs },
          });
        }
      return [...sums.values()];
    },
    async page({ app, offset, limit, ...filter }) {
      const pieces: number[][] = [];
      for await (const range of rangesOf(labelled, app)) pieces.push(labelled.ids(range, filter));
      const ids = Float64Array.from(pieces.flat()).sort().reverse();
      return { ids: [...ids.subarray(offset, offset + limit)], total: ids.length };
    },
  };
}

/** All sets of labels with the label of an app, piece by piece. @param app null = of every app */
async function* rangesOf(
  labelled: LabelledJobs,
  app: string | null,
): AsyncGenerator<LabelRange, void, undefined> {
  const label = APP_LABEL;
  const next = (after: string): string | undefined => labelled.nextValue(label, after);
  for (let value = app ?? next(""); value !== undefined; value = app === null ? next(value) : undefined)
    for (let after = 0; ; await giveWay()) {
      const upTo = labelled.endOfPiece({ label, value, after, sets: PIECE });
      if (upTo === undefined) break;
      yield { label, value, after, upTo };
      after = upTo;
    }
}
