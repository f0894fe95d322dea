import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import type { OpenFile } from "../protocol/open-file.ts";
import { findJob } from "./job-view.ts";
import { artifactsOf, openArtifact } from "./open-artifact.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

export const artifacts = operation({
  route: "GET /jobs/:job/artifacts",
  summary: "List the files that a job made",
  who: "owner",
  input: z.object({ job: JobId }).strict(),
  output: z.object({
    artifacts: z.array(
      z.object({
        index: z.number().int().describe("by which it is fetched"),
        name: z.string().describe("with the folders it is in"),
        bytes: z.number().int(),
        type: z.string().nullable(),
      }),
    ),
  }),
  async run(ctx, { job }, caller) {
    const row = findJob(ctx, job);
    refuseStranger(ctx.host.uid, row, caller);
    return {
      artifacts: artifactsOf(row).map(({ name, bytes, type }, index) => ({ index, name, bytes, type })),
    };
  },
});

/** As it is written in lists: no sign, no other notation. */
const Index = z.union([
  z.number().int().nonnegative(),
  z
    .string()
    .regex(/^\d{1,9}$/, "expected a number as in the list of artifacts")
    .transform(Number),
]);

export const artifact = operation({
  route: "GET /jobs/:job/artifacts/:index",
  summary: "Fetch a file that a job made, or a range of it",
  who: "owner",
  input: z.object({ job: JobId, index: Index }).strict(),
  output: z.custom<OpenFile>(),
  answers: "file",
  async run(ctx, { job, index }, caller) {
    const row = findJob(ctx, job);
    refuseStranger(ctx.host.uid, row, caller);
    return openArtifact(ctx, row, index);
  },
});
