import { z } from "zod";
import { ApiKeyView, ApiLimit, ApiScope, GatewayView } from "../protocol/api-keys.ts";
import { Moment } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { makeApiKey } from "../std/api-key.ts";
import { Failure } from "../std/failure.ts";
import type { ApiKeyRow } from "../store/api-keys.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";

const Name = z.string().regex(/^[A-Za-z0-9][\w.-]{0,62}$/, "expected 1 to 63 letters, digits or _ . -");

export const keyAdd = operation({
  route: "POST /keys",
  summary: "Make an API key for the gateway",
  who: "admins",
  input: z.strictObject({
    name: Name.describe("unique; what it is for"),
    scopes: z.array(ApiScope).min(1).default(["read", "submit"]),
    runtimes: z.array(z.string().min(1)).min(1).max(100).optional().describe("jobs of these alone"),
    rate: ApiLimit.optional().describe("requests"),
    quota: ApiLimit.optional().describe("jobs that it may submit"),
    expires: Moment.optional().describe("refused from then on"),
    user: z.string().min(1).optional().describe("whose jobs they are; default: the caller's"),
  }),
  output: z.object({
    key: z.string().describe("shown this once: only a digest of it is kept"),
    about: ApiKeyView,
    gateway: GatewayView,
  }),
  async run(ctx, input, caller) {
    const nowMs = ctx.clock.nowMs();
    const expiresAtMs = input.expires ?? null;
    if (expiresAtMs !== null && expiresAtMs <= nowMs)
      throw new Failure("usage/invalid", "the key would have expired already", { hint: "--expires +30d" });
    for (const runtime of input.runtimes ?? []) ctx.runtimes.get(runtime);
    const owner = await ownerOf(ctx, input.user, caller);
    const { id, text, digest } = makeApiKey();
    const key = {
      ...{ id, digest, name: input.name, ...owner, scopes: [...new Set(input.scopes)] },
      runtimes: input.runtimes ?? null,
      rate: input.rate ?? null,
      quota: input.quota ?? null,
      ...{ createdAtMs: nowMs, expiresAtMs },
    };
    await ctx.keys.add(key);
    const about = viewKey({ ...key, usedAtMs: null, quotaLeft: null }, nowMs);
    return { key: text, about, gateway: ctx.keys.gateway() };
  },
});

export const keys = operation({
  route: "GET /keys",
  summary: "List the API keys, and whether the gateway listens",
  who: "admins",
  input: z.strictObject({}),
  output: z.object({ keys: z.array(ApiKeyView), gateway: GatewayView }),
  async run(ctx) {
    const nowMs = ctx.clock.nowMs();
    return { keys: ctx.keys.list().map((key) => viewKey(key, nowMs)), gateway: ctx.keys.gateway() };
  },
});

export const keyRemove = operation({
  route: "POST /keys/:key/remove",
  summary: "Revoke an API key",
  who: "admins",
  input: z.strictObject({ key: z.string().min(1).describe("its name or id") }),
  output: ApiKeyView,
  async run(ctx, { key: asked }) {
    const known = ctx.keys.list();
    const found = known.find(({ name }) => name === asked) ?? known.find(({ id }) => id === asked);
    if (found === undefined)
      // What was given may be a key itself: it is not said again.
      throw new Failure("key/unknown", "there is no key of this name or id", { hint: "orch keys ls" });
    await ctx.keys.remove(found.id);
    return viewKey(found, ctx.clock.nowMs());
  },
});

/** Programs run as the daemon's user, or each as whose job it is. @throws Failure usage/invalid, permission/denied */
async function ownerOf(
  ctx: Context,
  user: string | undefined,
  caller: Caller,
): Promise<{ readonly uid: number; readonly user: string }> {
  if (user === undefined || user === caller.user) return { uid: caller.uid, user: caller.user };
  if (ctx.users === null)
    throw new Failure("usage/invalid", "this daemon serves one user", { hint: "leave --user out" });
  const uid = await ctx.users.uidOf(user);
  if (uid === null)
    throw new Failure("usage/invalid", `there is no user ${user} on this host`, {
      hint: `getent passwd ${user}`,
    });
  await ctx.users.know(uid);
  return { uid, user };
}

function viewKey(key: ApiKeyRow, nowMs: number): z.input<typeof ApiKeyView> {
  const { id, name, user, scopes, runtimes, rate, quota, createdAtMs, expiresAtMs, usedAtMs } = key;
  return {
    ...{ id, name, user, rate, quota },
    scopes: [...scopes],
    runtimes: runtimes === null ? null : [...runtimes],
    createdAt: toTimestamp(createdAtMs),
    expiresAt: toTimestampOrNull(expiresAtMs),
    usedAt: toTimestampOrNull(usedAtMs),
    state: expiresAtMs !== null && expiresAtMs <= nowMs ? "expired" : "valid",
  };
}
