import { z } from "zod";
import { Count, Flag } from "../protocol/inputs.ts";
import { eventFields } from "../protocol/list-fields.ts";
import { EventView } from "../protocol/views.ts";
import { matchFilter } from "../std/filter/match-filter.ts";
import { parseFilter } from "../std/filter/parse-filter.ts";
import { giveWay } from "../std/give-way.ts";
import { checkTimeZone, hostTimeZone } from "../std/time-zone.ts";
import type { Context } from "./context.ts";
import { streamOperation } from "./operation.ts";
import { viewEvent } from "./show.ts";
import { createWaker } from "./waker.ts";

const PAGE = 500;

type Meets = ((event: EventView) => boolean) | null;

export const events = streamOperation({
  route: "GET /events",
  summary: "What happened, and what happens",
  who: "all",
  input: z
    .object({
      follow: Flag.default(false),
      after: Count.optional().describe("begin after this sequence number; a stream can be resumed with it"),
      limit: Count.default(50).describe("without `after`: this many of the newest"),
      filter: z
        .string()
        .min(1)
        .optional()
        .describe("only events that meet it, e.g. type ~ worker; see docs/lists.md"),
      timeZone: z.string().optional().describe("of times in the filter; the daemon's when left out"),
    })
    .strict(),
  output: EventView,
  async *run(ctx, input, _caller, signal) {
    const waker = createWaker(ctx.feed, (notice) => notice.type === "events", signal);
    try {
      const meets = filterOf(ctx, input);
      let seq = input.after ?? (await seqBefore(ctx, input.limit, meets, signal));
      while (!signal.aborted) {
        const rows = ctx.queries.events({ jobId: null, after: seq, limit: PAGE });
        for (const event of rows.map((row) => viewEvent(ctx, row)))
          if (meets === null || meets(event)) yield event;
        seq = rows.at(-1)?.seq ?? seq;
        if (meets !== null) await giveWay();
        if (rows.length === PAGE) continue;
        if (!input.follow) return;
        await waker.wait();
      }
    } finally {
      waker.close();
    }
  },
});

function filterOf(
  ctx: Context,
  asked: { filter?: string | undefined; timeZone?: string | undefined },
): Meets {
  if (asked.filter === undefined) return null;
  const timeZone = asked.timeZone === undefined ? hostTimeZone() : checkTimeZone(asked.timeZone);
  const filter = parseFilter(asked.filter, eventFields, { nowMs: ctx.clock.nowMs(), timeZone });
  return (event) => matchFilter(filter, event);
}

/** The number after which the newest `limit` events come, of those that are wanted. Looks back page by page. */
async function seqBefore(ctx: Context, limit: number, meets: Meets, signal: AbortSignal): Promise<number> {
  const last = ctx.queries.lastEventSeq();
  if (meets === null || limit === 0) return Math.max(0, last - limit);
  let missing = limit;
  for (let end = last; end > 0 && !signal.aborted; end -= PAGE) {
    const rows = ctx.queries.events({
      jobId: null,
      after: Math.max(0, end - PAGE),
      limit: Math.min(PAGE, end),
    });
    const hits = rows.filter((row) => row.seq <= end && meets(viewEvent(ctx, row)));
    const first = hits.at(-missing);
    if (first !== undefined) return first.seq - 1;
    missing -= hits.length;
    await giveWay();
  }
  return 0;
}
