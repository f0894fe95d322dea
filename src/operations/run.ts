import fs from "node:fs";
import path from "node:path";
import { z } from "zod";
import { JobOptions } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { Failure } from "../std/failure.ts";
import { viewJobById } from "./job-view.ts";
import { commandLane, shorten, treatmentOf } from "./new-job.ts";
import { operation } from "./operation.ts";

export const run = operation({
  route: "POST /jobs/run",
  summary: "Queue a command, with or without GPUs",
  input: z
    .object({
      command: z.array(z.string()).min(1),
      cwd: z.string().refine((dir) => path.isAbsolute(dir), "an absolute path"),
      env: z.record(z.string(), z.string()).default({}),
      gpus: z.number().int().min(0).max(64).default(0),
      vramBytes: z.number().int().positive().nullable().default(null),
      mode: z.enum(["exclusive", "shared"]).default("exclusive"),
      options: JobOptions.prefault({}),
    })
    .strict(),
  output: JobView,
  async run(ctx, input, caller) {
    refuseBadPlace(input.cwd);
    if (input.mode === "shared" && input.gpus > 0 && input.vramBytes === null) {
      throw new Failure("usage/invalid", "a shared lease needs an amount of memory", {
        hint: "add --vram 8GiB",
      });
    }
    const { options } = input;
    const job = {
      lane: commandLane(input.gpus, input.gpus === 0 ? null : input.vramBytes, input.mode),
      payload: {
        params: {},
        command: input.command,
        cwd: input.cwd,
        env: input.env,
        summary: shorten(input.command.join(" ")),
        label: options.label,
        uid: caller.uid,
        user: caller.user,
        retryOf: null,
      },
      ...treatmentOf(ctx, options, null),
    };
    const [id] = await ctx.ask({ type: "submit", jobs: [job] });
    return viewJobById(ctx, id);
  },
});

function refuseBadPlace(cwd: string): void {
  if (fs.statSync(cwd, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new Failure("file/missing", `the working directory ${cwd} does not exist`, {
    hint: "cd to a folder that does",
  });
}
