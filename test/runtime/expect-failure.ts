import { expect } from "vitest";
import { Failure, type FailureCode } from "../../src/std/failure.ts";

/** Runs what must fail and checks the failure's code, message and, if given, its why. */
export function expectFailure(run: () => unknown, code: FailureCode, message: RegExp, why?: RegExp): Failure {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    if (why) expect(error.why).toMatch(why);
    return error;
  }
  throw new Error(`no failure, but ${JSON.stringify(result)}`);
}
