import { Failure } from "./failure.ts";
import { readSweepValues, type SweepValue, type SweepValues } from "./sweep-values.ts";

/** So many jobs one sweep may become. */
export const maxSweepJobs = 100_000;

interface Axis {
  readonly name: string;
  readonly values: SweepValues;
}

/**
 * All combinations of what params take in turn, as `name=values` (see `readSweepValues`): `steps=20,30` and
 * `seed=1..3` give six. Params come in the order given, and the last one varies fastest. Without any there is one
 * combination, of nothing. How many there are is checked before they are built.
 * @throws Failure usage/invalid, param/invalid
 */
export function expandSweep(assignments: readonly string[]): Record<string, SweepValue>[] {
  const axes = assignments.map(readAxis);
  checkNames(axes);
  checkCount(axes);
  let rows: [string, SweepValue][][] = [[]];
  for (const { name, values } of axes) {
    const column = Array.from({ length: values.count }, (_, index) => values.at(index));
    rows = rows.flatMap((row) => column.map((value): [string, SweepValue][] => [...row, [name, value]]));
  }
  return rows.map((row) => Object.fromEntries(row));
}

function readAxis(assignment: string): Axis {
  const at = assignment.indexOf("=");
  const name = assignment.slice(0, Math.max(0, at)).trim();
  if (name !== "" && !/\s/.test(name))
    return { name, values: readSweepValues(name, assignment.slice(at + 1)) };
  throw new Failure("usage/invalid", `"${assignment.slice(0, 80)}" does not say what to sweep over`, {
    why: "it takes the name of a param, = and its values",
    hint: "write it like steps=20,30 or seed=1..5",
  });
}

function checkNames(axes: readonly Axis[]): void {
  const seen = new Set<string>();
  for (const { name } of axes) {
    if (seen.has(name)) {
      throw new Failure("usage/invalid", `the sweep names "${name}" twice`, {
        why: "the values of a param belong together",
        hint: `write them in one place, like ${name}=1,2,5..9`,
      });
    }
    seen.add(name);
  }
}

function checkCount(axes: readonly Axis[]): void {
  const product = axes.reduce((count, { values }) => count * BigInt(values.count), 1n);
  if (product <= BigInt(maxSweepJobs)) return;
  const factors = axes.map(({ name, values }) => `${name} (${show(values.count)})`).join(" × ");
  throw new Failure("usage/invalid", `${factors} = ${show(product)} jobs; at most ${show(maxSweepJobs)}`, {
    why: "a sweep makes a job of each combination",
    hint: "take fewer values, a larger step like seed=0..1000:10, or several sweeps",
  });
}

function show(count: number | bigint): string {
  return count.toLocaleString("en-US");
}
