import { isAbsolute } from "node:path";
import { z } from "zod";
import { parseDurationMs } from "../std/duration.ts";

const RuntimeName = z.string().min(1).max(100);

/** The part of config.yaml that is about tasks (`orch apply`). */
export const TasksSchema = z
  .strictObject({
    results: z
      .string()
      .refine(isAbsolute, "results: expected an absolute path")
      .nullable()
      .default(null)
      .describe("folder of results; default: results in the state folder"),
    runtimes: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "runtimes: expected task types such as inference or sft"),
        z.union([RuntimeName, z.record(z.string().min(1), RuntimeName)]),
      )
      .default({})
      .describe("which runtime serves a task type, or each model of it; * = all others"),
    environment: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "environment: expected names of variables"))
      .max(100)
      .default([])
      .describe("variables of the daemon that documents may fill in"),
    keep: z
      .string()
      .transform((text, context) => {
        try {
          return parseDurationMs(text);
        } catch {
          context.issues.push({ code: "custom", message: "keep: expected a duration like 30d", input: text });
          return z.NEVER;
        }
      })
      .nullable()
      .default(null)
      .describe("finished tasks and results are removed after this long, e.g. 90d; null = never"),
    deliverTo: z
      .array(z.string().regex(/^[a-z0-9.[\]:-]+$/, "deliverTo: expected hosts, with or without a port"))
      .max(100)
      .default([])
      .describe("hosts to which results may be sent"),
  })
  .prefault({})
  .describe(
    "task documents: results (folder), runtimes (by task type), environment (names), deliverTo (hosts), keep (e.g. 90d)",
  );
