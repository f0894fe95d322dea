import type { Api } from "../../operations/api.ts";
import { Failure } from "../../std/failure.ts";
import { arrayOf, type JobFlags } from "./job-options.ts";

/** What a schedule submits, as the API takes it. */
export type Scheduled = Api["POST /schedules"]["input"]["scheduled"];

/** Nobody sits there when a schedule fires. @throws Failure usage/invalid */
export function refuseUseless<Flag extends string>(
  flags: Readonly<Partial<Record<Flag, unknown>>>,
  names: readonly Flag[],
) {
  const useless = names.find((name) => flags[name] !== undefined);
  if (useless === undefined) return;
  const flag = `--${useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new Failure("usage/invalid", `what is scheduled cannot have ${flag}`, { hint: `leave ${flag} out` });
}

/** A fire is one job: an array of each fire would be more than somebody who looks away means to queue. @throws Failure usage/invalid */
export function refuseMany(flags: JobFlags): void {
  if (arrayOf(flags) !== null) {
    throw new Failure("usage/invalid", "what is scheduled cannot be an array or a sweep", {
      hint: "schedule a script that submits it: orch schedule add LINE -- run -- sh -c 'orch run --array …'",
    });
  }
  refuseUseless(flags, ["webhook", "webhookEvents"]);
  if (flags.idempotencyKey !== undefined) {
    throw new Failure("usage/invalid", "what is submitted again and again cannot have an idempotency key", {
      hint: "leave --idempotency-key out",
    });
  }
}
