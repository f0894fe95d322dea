import { Failure, type FailureCode } from "../../src/std/failure.ts";

/** The failure that `work` ends with. Fails itself when it succeeds, or has another code. */
export async function refusal(code: FailureCode, work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== code) throw error;
    return error;
  }
  throw new Error(`it succeeded, and should have been refused with ${code}`);
}
