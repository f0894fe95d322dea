import { setImmediate as nextTurn } from "node:timers/promises";
import vm from "node:vm";
import { Failure } from "../std/failure.ts";

/** An expression can take years on a line of forty characters: no longer than this does it hold the event loop at once. */
const SLICE_MS = 40;
/** The clock runs on while a busy host lets others go first: a single line is given up only after so many tries. */
const TRIES = 3;
/** Only the beginning of longer lines is looked at. Characters. */
const LINE_LIMIT = 64 * 1024;

/** Tells which of some lines are wanted. @throws Failure usage/invalid when the expression takes too long on one of them */
export type Grep = (lines: readonly string[]) => Promise<readonly boolean[]>;

export interface GrepOptions {
  readonly ignoreCase: boolean;
  /** Lines that do not match are wanted. */
  readonly invert: boolean;
}

/**
 * Compiles a regular expression of somebody else. It runs with a limit of time, since it runs in the daemon's loop.
 * @throws Failure usage/invalid
 */
export function createGrep(pattern: string, { ignoreCase, invert }: GrepOptions): Grep {
  const sandbox = { expression: compile(pattern, ignoreCase), lines: [] as readonly string[] };
  const context = vm.createContext(sandbox);
  const script = new vm.Script("lines.map((line) => expression.test(line))");
  /** Null when it takes too long. */
  const test = (lines: readonly string[]): boolean[] | null => {
    sandbox.lines = lines;
    try {
      return [...(script.runInContext(context, { timeout: SLICE_MS }) as boolean[])];
    } catch (error) {
      if (isTimeout(error)) return null;
      throw error;
    }
  };
  const testAll = async (lines: readonly string[]): Promise<boolean[]> => {
    for (let tried = 0; tried < (lines.length > 1 ? 1 : TRIES); tried++) {
      const matches = test(lines);
      if (matches !== null) return matches;
      await nextTurn();
    }
    if (lines.length <= 1) throw tooSlow(pattern);
    const half = lines.length >> 1;
    return [...(await testAll(lines.slice(0, half))), ...(await testAll(lines.slice(half)))];
  };
  return async (lines) => {
    if (lines.length === 0) return [];
    const matches = await testAll(lines.map((line) => line.slice(0, LINE_LIMIT)));
    return matches.map((isMatch) => isMatch !== invert);
  };
}

/** The error is of the sandbox's own realm, so `instanceof` does not know it. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}

function tooSlow(pattern: string): Failure {
  return new Failure("usage/invalid", `the expression "${pattern.slice(0, 80)}" takes too long on this log`, {
    why: `it did not get through one line within ${SLICE_MS} ms`,
    hint: "avoid repetitions within repetitions, or pipe the log through grep",
  });
}

function compile(pattern: string, ignoreCase: boolean): RegExp {
  try {
    return new RegExp(pattern, ignoreCase ? "iu" : "u");
  } catch (error) {
    throw new Failure("usage/invalid", `"${pattern.slice(0, 80)}" is not a regular expression`, {
      why: error instanceof Error ? error.message : undefined,
      hint: "characters such as ( [ * + ? . need a backslash before them to be meant as they are",
      cause: error,
    });
  }
}
