import type { Caller } from "../protocol/operation.ts";
import type { Scheduled } from "../protocol/timetable.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";

// What callers with an API key may not do, though their user may. Which operations they reach at all is the gateway's affair.

type Keyed = Pick<Caller, "key">;

/** @throws Failure permission/denied when the caller's key is for other runtimes */
export function refuseOtherRuntime({ key }: Keyed, runtime: string): void {
  if (key === undefined || key.runtimes === null || key.runtimes.includes(runtime)) return;
  throw new Failure("permission/denied", `key ${key.id} is not for the runtime ${runtime}`, {
    why: `it is for ${key.runtimes.join(", ")}`,
    hint: "orch keys add --runtime",
  });
}

/** A job that is to run once more. @throws Failure permission/denied when the key could not have submitted it */
export function refuseOtherWork(caller: Keyed, job: Pick<JobRow, "id" | "runtime" | "command">): void {
  const { key } = caller;
  if (key === undefined) return;
  if (job.command === null) return refuseOtherRuntime(caller, job.runtime);
  if (key.mayRun) return;
  throw new Failure("permission/denied", `job ${job.id} runs a command, which key ${key.id} may not`, {
    hint: "orch keys add --scope run",
  });
}

/**
 * What is submitted by a schedule, now or once more; with `isNew` it is to go on for ever.
 * @throws Failure permission/denied when the key could not submit it, or would be outlived by it
 */
export function refuseOtherSchedule(caller: Keyed, { verb, submission }: Scheduled, isNew = false): void {
  const { key } = caller;
  if (key === undefined || key.mayRun) return;
  if (verb === "run")
    throw new Failure("permission/denied", `the schedule runs a command, which ${key.id} may not`, {
      why: "commands need the scope run",
      hint: "use the orch command on the host",
    });
  if (isNew && key.isOwners !== true)
    throw new Failure("permission/denied", `key ${key.id} may not add schedules`, {
      why: "a schedule goes on when the key has been revoked",
      hint: "orch keys add --scope run",
    });
  refuseOtherRuntime(caller, submission.runtime);
}

/**
 * A path names any file that the daemon may read, an address whatever the host can reach: neither is for who is not on the host.
 * @throws Failure param/invalid
 */
export function refuseFileOfKey({ key }: Keyed, param: string): void {
  if (key === undefined) return;
  throw new Failure("param/invalid", `param "${param}" takes a file, which cannot be named from elsewhere`, {
    why: "paths and addresses are meant from the host that runs orch",
    hint: "send the file first: POST /api/v1/uploads",
  });
}
