import fs from "node:fs";
import path from "node:path";
import { requireTerminals } from "../engine/terminal/pty-program.ts";
import type { CommandSubmission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import type { NewJob } from "../scheduler/events.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import { type ArrayMember, alone, forMember } from "./array-members.ts";
import type { Context } from "./context.ts";
import { commandLane, shorten } from "./new-job.ts";
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
  // Whether another user has such a folder is not for root to tell: the job itself will say.
  if (ctx.users === null) refuseBadPlace(submission.cwd);
  refuseBadLease(submission);
  if (submission.terminal !== null) refuseBadTerminal(members);
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
      lane,
      payload: {
        retryOf: null,
        params: member.values,
        command,
        resumeCommand: submission.resumeCommand?.map((word) => forMember(member, word)) ?? null,
        terminal: submission.terminal,
        cwd: submission.cwd,
        env: submission.env,
        summary: shorten(command.join(" ")),
        label: options.label,
        labels: options.labels,
        uid: caller.uid,
        user: caller.user,
        arrayIndex: member.index,
        correlation: options.correlation ?? caller.correlation ?? null,
      },
      estimateKey,
      ...treatment,
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

function refuseBadTerminal(members: readonly ArrayMember[]): void {
  if (members.some((member) => member.index !== null)) {
    throw new Failure("usage/invalid", "the jobs of an array have no terminals", {
      why: "nobody could attach to all of them",
      hint: "leave out --pty",
    });
  }
  requireTerminals();
}

function refuseBadPlace(cwd: string): void {
  if (fs.statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new Failure("file/missing", `the working directory ${cwd} does not exist`, {
    hint: "cd to a folder that does",
  });
}
