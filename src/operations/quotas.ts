import { z } from "zod";
import { QuotaView } from "../protocol/submission-views.ts";
import { blockingQuota, quotaOf, usageMs } from "../scheduler/accounts.ts";
import type { Account } from "../scheduler/job-model.ts";
import type { Context } from "./context.ts";
import { operation } from "./operation.ts";

const HOUR_MS = 3_600_000;

export const quotas = operation({
  route: "GET /quotas",
  summary: "What users and groups use of the GPUs, and what they may use",
  who: "all",
  input: z.strictObject({}),
  output: z.object({
    halfLifeMs: z.number().describe("use that is this long past counts half"),
    accounts: z.array(QuotaView),
  }),
  async run(ctx, _input, caller) {
    await ctx.groups.know(caller);
    const { policy } = ctx.state();
    const accounts = accountsToShow(ctx, caller.user);
    const nowMs = ctx.clock.nowMs();
    const used = accounts.map((account) => usageMs(policy, account, nowMs));
    const usedByUsers = accounts.reduce(
      (sum, { key }, index) => sum + (key.startsWith("user:") ? (used[index] ?? 0) : 0),
      0,
    );
    return {
      halfLifeMs: policy.fairShareHalfLifeMs,
      accounts: accounts.map((account, index) => ({
        account: account.key,
        waiting: account.waitingJobs,
        running: account.runningJobs,
        gpus: account.gpusInUse,
        gpuHours: (used[index] ?? 0) / HOUR_MS,
        share: usedByUsers === 0 ? 0 : Math.min(1, (used[index] ?? 0) / usedByUsers),
        limits: quotaOf(policy, account.key),
        blockedBy: blockingQuota(policy, [account], nowMs)?.limit ?? null,
      })),
    };
  },
});

/** All that have used something or have a quota by name, and the caller's own; users first, then by name. */
function accountsToShow(ctx: Context, user: string): Account[] {
  const { accounts, policy } = ctx.state();
  const named = Object.keys(policy.quotas).filter((key) => !key.endsWith(":*"));
  const keys = new Set([...accounts.keys(), ...named, `user:${user}`]);
  const unused = { usageMs: 0, usageAtMs: 0, gpusInUse: 0, waitingJobs: 0, runningJobs: 0 };
  return [...keys]
    .map((key) => accounts.get(key) ?? { key, ...unused })
    .sort(
      (left, right) =>
        Number(right.key.startsWith("user:")) - Number(left.key.startsWith("user:")) ||
        (left.key < right.key ? -1 : 1),
    );
}
