import type { JobView } from "../../../protocol/views.ts";
import type { CostRule } from "./options.ts";

type State = JobView["state"];

/** The words of the job orchestrator for what becomes of a job. */
export type ClientStatus = "PENDING" | "QUEUED" | "PROCESSING" | "COMPLETED" | "FAILED";

const STATUSES: Readonly<Record<State, ClientStatus>> = {
  held: "PENDING",
  queued: "QUEUED",
  starting: "PROCESSING",
  running: "PROCESSING",
  succeeded: "COMPLETED",
  failed: "FAILED",
  cancelled: "FAILED",
};

/** The status of a job in the clients' words. */
export function statusOf({ state }: Pick<JobView, "state">): ClientStatus {
  return STATUSES[state];
}

/** The states of orch that a status stands for, in any case of its letters; none for a word that is no status. */
export function statesOf(status: string): State[] {
  return (Object.keys(STATUSES) as State[]).filter((state) => STATUSES[state] === status.toUpperCase());
}

/** Why a job failed, as clients show it; null unless it did. */
export function errorLogOf({ state, reason }: Pick<JobView, "state" | "reason">): string | null {
  if (state === "cancelled" && reason?.code === "cancelled") return "Cancelled by admin";
  if (state !== "failed" && state !== "cancelled") return null;
  return reason?.text ?? "the job failed";
}

type Times = Pick<JobView, "startedAt" | "finishedAt">;

/** How long it ran, in seconds with three decimals; null unless it ran to an end. */
export function durationSeconds({ startedAt, finishedAt }: Times): number | null {
  if (startedAt === null || finishedAt === null) return null;
  return Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
}

/** What it cost by its app's rule, in dollars with six decimals; null while that is not known. */
export function costOf(job: Times, rule: CostRule | null): number | null {
  const seconds = durationSeconds(job);
  if (seconds === null) return null;
  const cost = rule === null ? 0 : seconds * rule.perSecond + rule.perJob;
  return Math.round(cost * 1e6) / 1e6;
}
