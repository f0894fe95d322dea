import { Failure } from "../../std/failure.ts";
import { atOnce as runAtOnce } from "../../std/give-way.ts";
import { parseNumberRanges } from "../../std/number-ranges.ts";
import { expandSweep } from "../../std/sweep.ts";
import { readSweepValues } from "../../std/sweep-values.ts";
import { countText } from "./units.ts";

/** How many jobs a form makes: one, one for each number or combination, or one each time that a cron line fires. */
export const manyModes = ["once", "array", "sweep", "schedule"] as const;
export type ManyMode = (typeof manyModes)[number];

/** What was read: how many jobs there will be, or what is wrong, in the words of the command line. */
export type Counted = { readonly jobs: number; readonly text: string } | { readonly problem: string };

/** Reads the numbers of an array, such as "0-99%4", by the rules and limits of `orch submit --array`. */
export function countArray(numbers: string): Counted {
  if (numbers.trim() === "") return { problem: "which numbers? write it like 0-99%4, 0,3,7 or 1-9:2" };
  return reading(() => {
    const { numbers: all, atOnce } = runAtOnce(parseNumberRanges(numbers));
    return said(all.length, atOnce);
  });
}

/** Reads how many values a param takes in a sweep, by the rules of `orch submit --sweep`. */
export function countValues(name: string, text: string): Counted {
  return reading(() => {
    const { count } = readSweepValues(name, text);
    return { jobs: count, text: `${countText(count)} value${count === 1 ? "" : "s"}` };
  });
}

/** Reads how many combinations a sweep has: texts of values by the names of params. */
export function countSweep(values: Readonly<Record<string, string>>, atOnce: string): Counted {
  const assignments = assignmentsOf(values);
  if (assignments.length === 0) return { problem: "over what? choose “several” beside a param" };
  if (atOnce !== "" && !/^[1-9]\d{0,8}$/.test(atOnce))
    return { problem: "at once must be a whole number from 1" };
  return reading(() =>
    said(runAtOnce(expandSweep(assignments)).count, atOnce === "" ? null : Number(atOnce)),
  );
}

/** A sweep as the API takes it. */
export function assignmentsOf(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, text]) => `${name}=${text}`);
}

function said(jobs: number, atOnce: number | null): Counted {
  const limit = atOnce === null ? "" : `, ${countText(atOnce)} at once`;
  return { jobs, text: `${countText(jobs)} job${jobs === 1 ? "" : "s"}${limit}` };
}

function reading(read: () => Counted): Counted {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { problem: [error.sentence, error.hint].filter((part) => part !== undefined).join("; ") };
  }
}
