import type { ArrayTerms, LongWork, NewJob } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import { roughSize } from "../std/rough-size.ts";
import type { Context } from "./context.ts";

/** Jobs that are submitted as one whole, made when they are needed: 100,000 at once would fill the heap. */
export interface Slices {
  readonly count: number;
  /** Makes the jobs `from` to `to` (not with it), counted from 0. @throws Failure when one of them is wrong */
  make(from: number, to: number): readonly NewJob[];
  /** Each may be wrong in its own way, so all are made once before any is submitted. */
  readonly mayDiffer: boolean;
  readonly array: ArrayTerms | undefined;
}

/** Made and queued in 5 ms: the event loop may stand still for 50. */
const SLICE = 100;
/** Nor more text than this. Characters. */
const MAX_TEXT = 2 ** 18;

/** Submits all of them in one transaction, or none. Gives their ids, which follow one another. @throws Failure */
export async function submitSlices(ctx: Context, slices: Slices): Promise<readonly number[]> {
  const { count, make, mayDiffer, array } = slices;
  if (count === 1) return ctx.ask({ type: "submit", jobs: make(0, 1), array });
  if (mayDiffer) {
    for (let from = 0; from < count; from += SLICE) {
      make(from, Math.min(count, from + SLICE));
      await giveWay();
    }
  }
  return ctx.askLong(submitAll(slices));
}

/** The first of the jobs that hold no more text than a step may write, but one at least. */
function upToText(jobs: readonly NewJob[]): readonly NewJob[] {
  let text = 0;
  const end = jobs.findIndex(({ payload }) => {
    text += roughSize(payload);
    return text >= MAX_TEXT;
  });
  return end === -1 ? jobs : jobs.slice(0, end + 1);
}

function* submitAll({ count, make, array }: Slices): LongWork<readonly number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const jobs = upToText(make(ids.length, Math.min(count, ids.length + SLICE)));
    const part = { before: ids.length, toCome: count - ids.length - jobs.length };
    const [reply] = yield [{ type: "submit", jobs, array, part }];
    if (reply?.ok !== true)
      throw new Failure(reply?.code ?? "bug", reply?.message ?? "no reply", {
        hint: reply?.hint ?? undefined,
      });
    ids.push(...reply.ids);
  }
  return ids;
}
