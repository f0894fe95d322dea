import type { Api } from "../../operations/api.ts";
import { assignmentsOf, type Counted, countArray, countSweep, type ManyMode } from "./many.ts";
import type { ReadForm } from "./runtime-form.ts";

/** What a form for new jobs holds besides the params. */
export interface Plan {
  readonly mode: ManyMode;
  /** Of an array: "0-99%4". */
  readonly numbers: string;
  /** Of a sweep: what params take in turn. */
  readonly values: Readonly<Record<string, string>>;
  readonly atOnce: string;
  /** Of a schedule. */
  readonly line: string;
  /** An IANA name; empty = the host's own. */
  readonly timeZone: string;
  readonly name: string;
}

/** A form as it begins: one job. @param timeZone of whoever looks */
export function newPlan(timeZone: string): Plan {
  return { mode: "once", numbers: "", values: {}, atOnce: "", line: "0 3 * * *", timeZone, name: "" };
}

/** What of the params is swept over. */
export function sweptOf({ mode, values }: Plan): Readonly<Record<string, string>> {
  return mode === "sweep" ? values : {};
}

/** How many jobs the form makes; null where that is one, or one from time to time. */
export function countPlan(plan: Plan): Counted | null {
  if (plan.mode === "array") return countArray(plan.numbers);
  return plan.mode === "sweep" ? countSweep(plan.values, plan.atOnce) : null;
}

/** A request for an array or a sweep. */
export function arrayRequest(
  runtime: string,
  params: ReadForm["params"],
  plan: Plan,
  priority: number,
): Api["POST /jobs/array"]["input"] {
  const asked = { runtime, params, options: { priority } };
  if (plan.mode === "array") return { ...asked, array: plan.numbers };
  const atOnce = plan.atOnce === "" ? {} : { atOnce: Number(plan.atOnce) };
  return { ...asked, sweep: assignmentsOf(plan.values), ...atOnce };
}

/** A request for a schedule. */
export function scheduleRequest(
  runtime: string,
  params: ReadForm["params"],
  plan: Plan,
  priority: number,
): Api["POST /schedules"]["input"] {
  return {
    line: plan.line,
    timeZone: plan.timeZone === "" ? null : plan.timeZone,
    ...(plan.name === "" ? {} : { name: plan.name }),
    scheduled: { verb: "submit", submission: { runtime, params, options: { priority } } },
  };
}
