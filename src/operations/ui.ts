import { z } from "zod";
import { Flag } from "../protocol/inputs.ts";
import { UiView } from "../protocol/ui-view.ts";
import type { Context } from "./context.ts";
import { toTimestamp } from "./job-view.ts";
import { refuseOtherRuntime } from "./key-limits.ts";
import { operation } from "./operation.ts";
import { viewWorker } from "./worker-view.ts";

export const uis = operation({
  route: "GET /uis",
  summary: "List the doors to workers' own pages",
  who: "all",
  input: z.strictObject({}),
  output: z.object({ uis: z.array(UiView) }),
  run: async (ctx) => ({
    uis: ctx.keys.uis().map((door) => {
      const runtime = runtimeOf(ctx, door.name);
      return { ...door, runtime, worker: furthestWorker(ctx, runtime) };
    }),
  }),
});

export const uiLogin = operation({
  route: "POST /uis/:ui/login",
  summary: "Make a link that logs the caller in to a worker's own page, once",
  who: "admins",
  input: z.strictObject({
    ui: z.string().min(1).describe("the runtime, or the alias, as the config has it"),
    bound: Flag.default(true).describe("only a browser of the caller's on this host may follow it"),
  }),
  output: z.object({
    url: z.string().describe("to be kept to oneself: whoever follows it first is logged in"),
    expiresAt: z.iso.datetime(),
  }),
  async run(ctx, { ui, bound }, caller) {
    refuseOtherRuntime(caller, runtimeOf(ctx, ui) ?? ui);
    const { url, expiresAtMs } = await ctx.keys.makeLogin({ caller, isBound: bound, ui });
    return { url, expiresAt: toTimestamp(expiresAtMs) };
  },
});

/** The runtime that a name stands for, its own or an alias; null = none, or one that is broken. */
function runtimeOf(ctx: Context, name: string): string | null {
  const all = ctx.runtimes.list().flatMap((found) => ("runtime" in found ? [found.runtime] : []));
  const found =
    all.find((runtime) => runtime.name === name) ??
    all.find(({ aliases }) => aliases.some((alias) => alias.name === name));
  return found?.name ?? null;
}

/** What a request comes to first. */
const FURTHEST = ["busy", "ready"];

function furthestWorker(ctx: Context, runtime: string | null): z.input<typeof UiView>["worker"] {
  const rows = ctx.queries.workers({ live: true, limit: 1_000 }).filter((row) => row.runtime === runtime);
  const workers = rows.map((row) => viewWorker(ctx, row));
  const found = workers.find(({ state }) => FURTHEST.includes(state)) ?? workers[0];
  return found === undefined ? null : { name: found.name, state: found.state };
}
