import { z } from "zod";
import { Count, Flag } from "../protocol/inputs.ts";
import { EventView } from "../protocol/views.ts";
import { streamOperation } from "./operation.ts";
import { viewEvent } from "./show.ts";
import { createWaker } from "./waker.ts";

const PAGE = 500;

export const events = streamOperation({
  route: "GET /events",
  summary: "What happened, and what happens",
  who: "all",
  input: z
    .object({
      follow: Flag.default(false),
      after: Count.optional().describe("begin after this sequence number; a stream can be resumed with it"),
      limit: Count.default(50).describe("without `after`: this many of the newest"),
    })
    .strict(),
  output: EventView,
  async *run(ctx, input, _caller, signal) {
    const waker = createWaker(ctx.feed, (notice) => notice.type === "events", signal);
    try {
      let seq = input.after ?? Math.max(0, ctx.queries.lastEventSeq() - input.limit);
      while (!signal.aborted) {
        const rows = ctx.queries.events({ jobId: null, after: seq, limit: PAGE });
        for (const row of rows) yield viewEvent(ctx, row);
        seq = rows.at(-1)?.seq ?? seq;
        if (rows.length === PAGE) continue;
        if (!input.follow) return;
        await waker.wait();
      }
    } finally {
      waker.close();
    }
  },
});
