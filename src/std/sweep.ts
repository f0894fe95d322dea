import { Failure } from "./failure.ts";
import type { Steps } from "./give-way.ts";
import { type SweepValue, type SweepValues, sweepValuesInSteps } from "./sweep-values.ts";

/** So many jobs one sweep may become. */
export const maxSweepJobs = 100_000;

interface Axis {
  readonly name: string;
  readonly values: SweepValues;
}

/** The combinations of a sweep, made when they are asked for. */
export interface Sweep {
  readonly count: number;
  /** @param index 0 to count - 1 */
  at(index: number): Record<string, SweepValue>;
}

/**
 * All combinations of what params take in turn, as `name=values` (see `readSweepValues`): `steps=20,30` and
 * `seed=1..3` give six. Params come in the order given, and the last one varies fastest. Without any there is one
 * combination, of nothing. It pauses where others may have their turn.
 * @throws Failure usage/invalid, param/invalid
 */
export function* expandSweep(assignments: readonly string[]): Steps<Sweep> {
  const axes: Axis[] = [];
  for (const assignment of assignments) axes.push(yield* readAxis(assignment));
  checkNames(axes);
  checkCount(axes);
  return {
    count: axes.reduce((count, { values }) => count * values.count, 1),
    at(index) {
      const row: [string, SweepValue][] = [];
      let left = index;
      for (const { name, values } of axes.toReversed()) {
        row.unshift([name, values.at(left % values.count)]);
        left = Math.floor(left / values.count);
      }
      return Object.fromEntries(row);
    },
  };
}

function* readAxis(assignment: string): Steps<Axis> {
  const at = assignment.indexOf("=");
  const name = assignment.slice(0, Math.max(0, at)).trim();
  if (name !== "" && !/\s/.test(name))
    return { name, values: yield* sweepValuesInSteps(name, assignment.slice(at + 1)) };
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
