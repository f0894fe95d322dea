import fs from "node:fs";
import path from "node:path";
import type { CommandSubmission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import type { NewJob } from "../scheduler/events.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import { type ArrayMember, alone, forMember, refuseTooMuchText } from "./array-members.ts";
import type { Context } from "./context.ts";
import { commandLane, emptyPayload, shorten } from "./new-job.ts";
import { treatmentOf } from "./treatment.ts";

/** Makes the job that the scheduler gets of a command. @throws Failure file/missing, usage/invalid and others */
export function newCommandJob(ctx: Context, submission: CommandSubmission, caller: Caller): NewJob {
  return must(newCommandJobs(ctx, submission, caller, [alone])[0], "one member makes one job");
}

/** As `newCommandJob`, for the members of an array: `{index}` and the names of a sweep are put into the words. */
export function newCommandJobs(
  ctx: Context,
  submission: CommandSubmission,
  caller: Caller,
  members: readonly ArrayMember[],
): NewJob[] {
  refuseBadPlace(submission.cwd);
  refuseBadLease(submission);
  refuseTooMuchText(members, JSON.stringify([submission.command, submission.resumeCommand]));
  const { gpus, mode, cpus, ramBytes, options } = submission;
  const treatment = treatmentOf(ctx, options, caller, null);
  const lane = commandLane({
    gpus,
    vramBytes: gpus === 0 ? null : submission.vramBytes,
    mode,
    cpus,
    ramBytes,
  });
  const estimateKey = estimateKeyOf(submission.command);
  return members.map((member) => {
    const command = submission.command.map((word) => forMember(member, word));
    return {
      ...treatment,
      lane,
      payload: {
        ...emptyPayload,
        params: member.values,
        command,
        resumeCommand: submission.resumeCommand?.map((word) => forMember(member, word)) ?? null,
        cwd: submission.cwd,
        env: submission.env,
        summary: shorten(command.join(" ")),
        label: options.label,
        uid: caller.uid,
        user: caller.user,
        arrayIndex: member.index,
      },
      estimateKey,
    };
  });
}

/** Commands that are expected to run equally long: the same program with the same script. */
function estimateKeyOf(command: readonly string[]): string {
  const [program = "", ...rest] = command;
  const script = rest.find((word) => !word.startsWith("-")) ?? "";
  return `run:${shorten(`${path.basename(program)} ${path.basename(script)}`)}`;
}

function refuseBadLease({ mode, gpus, vramBytes, resumeCommand, options }: CommandSubmission): void {
  if (mode === "shared" && gpus > 0 && vramBytes === null) {
    throw new Failure("usage/invalid", "a shared lease needs an amount of memory", {
      hint: "add --vram 8GiB",
    });
  }
  if (resumeCommand !== null && !options.preemptible) {
    throw new Failure("usage/invalid", "a command to resume with is for preemptible jobs", {
      hint: "add --preemptible",
    });
  }
}

function refuseBadPlace(cwd: string): void {
  if (fs.statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new Failure("file/missing", `the working directory ${cwd} does not exist`, {
    hint: "cd to a folder that does",
  });
}
