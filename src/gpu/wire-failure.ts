import { z } from "zod";
import { type FailureBody, type FailureCode, failureTable } from "../std/failure.ts";

const isFailureCode = (code: string): code is FailureCode => code in failureTable;

/** A failure as helper processes write it. */
export const WireFailure: z.ZodType<FailureBody> = z.object({
  code: z.string().refine(isFailureCode),
  message: z.string(),
  why: z.string().exactOptional(),
  hint: z.string().exactOptional(),
});
