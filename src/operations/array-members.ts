import { Failure } from "../std/failure.ts";
import { giveWay, inTurns } from "../std/give-way.ts";
import { parseNumberRanges } from "../std/number-ranges.ts";
import { expandSweep } from "../std/sweep.ts";
import type { SweepValue } from "../std/sweep-values.ts";

/** What sets one job of an array apart from the others. */
export interface ArrayMember {
  /** Null: it is in no array. */
  readonly index: number | null;
  /** What the swept params are for it. */
  readonly values: Readonly<Record<string, SweepValue>>;
}

/** A job that is in no array. */
export const alone: ArrayMember = { index: null, values: {} };

/** The members of an array, made when they are needed: 100,000 at once would fill the heap. */
export interface Members {
  readonly count: number;
  /** Those from `from` to `to` (not with it), counted from 0. */
  slice(from: number, to: number): ArrayMember[];
}

interface Asked {
  readonly array?: string | undefined;
  readonly sweep: readonly string[];
  readonly atOnce?: number | undefined;
}

/**
 * The members of an array, at most 100,000: the numbers of `array`, or one for each combination of a sweep, counted
 * from 0.
 * @throws Failure usage/invalid, param/invalid
 */
export async function arrayMembers(asked: Asked): Promise<{ members: Members; atOnce: number | null }> {
  const { array, sweep, atOnce } = asked;
  if (array !== undefined && sweep.length > 0) {
    throw new Failure("usage/invalid", "an array and a sweep do not go together", {
      why: "a sweep is an array of its combinations",
      hint: "sweep over the number, too: --sweep index=0..9",
    });
  }
  if (array === undefined && sweep.length === 0) {
    throw new Failure("usage/invalid", "neither numbers nor a sweep are given", {
      hint: "--array 0-99, or --sweep seed=1..5",
    });
  }
  if (array === undefined) {
    const { count, at } = await inTurns(expandSweep(sweep));
    return { members: membersOf(count, (index) => ({ index, values: at(index) })), atOnce: atOnce ?? null };
  }
  const { numbers, atOnce: limit } = await inTurns(parseNumberRanges(array));
  const memberAt = (at: number): ArrayMember => ({ index: numbers[at] ?? 0, values: {} });
  return { members: membersOf(numbers.length, memberAt), atOnce: atOnce ?? limit };
}

function membersOf(count: number, at: (index: number) => ArrayMember): Members {
  return {
    count,
    slice: (from, to) => Array.from({ length: Math.min(to, count) - from }, (_, index) => at(from + index)),
  };
}

const placeholder = /\{([A-Za-z][\w-]*)\}/g;

/** Text with `{index}` and `{name}` of swept params put in; other braces stay as they are. */
export function forMember({ index, values }: ArrayMember, text: string): string {
  if (index === null || !text.includes("{")) return text;
  return text.replace(placeholder, (all: string, name: string) => {
    if (Object.hasOwn(values, name)) return String(values[name]);
    return name === "index" ? String(index) : all;
  });
}

/** What all jobs of an array may hold in all: a short sweep over long words can ask for more than a host has. */
const MAX_CHARACTERS = 256 * 2 ** 20;
/** Members that are looked at without giving way. */
const SLICE = 1_000;

/**
 * Adds up what the jobs would hold once `template` (their words, as JSON) is filled in for each, before that is done.
 * @throws Failure usage/invalid when that is too much
 */
export async function refuseTooMuchText(members: Members, template: string): Promise<void> {
  const uses = new Map<string, number>();
  for (const [, name = ""] of template.matchAll(placeholder)) uses.set(name, (uses.get(name) ?? 0) + 1);
  let sum = 0;
  for (let from = 0; from < members.count; from += SLICE) {
    for (const { values } of members.slice(from, from + SLICE)) {
      sum += template.length;
      for (const [name, value] of Object.entries(values))
        sum += String(value).length * (1 + (uses.get(name) ?? 0));
    }
    await giveWay();
  }
  if (sum <= MAX_CHARACTERS) return;
  throw new Failure("usage/invalid", `the words of these ${members.count} jobs are too long`, {
    why: `they hold ${sum.toLocaleString("en")} characters in all; at most ${MAX_CHARACTERS.toLocaleString("en")} are allowed`,
    hint: "put what is long into a file that the jobs read",
  });
}

/** Whether the member differs from the others in more than its number. */
export function isParticular(member: ArrayMember, texts: readonly unknown[]): boolean {
  if (member.index === null) return false;
  if (Object.keys(member.values).length > 0) return true;
  return texts.some((text) => typeof text === "string" && forMember(member, text) !== text);
}

/** Does something for a member; a failure then names it. @throws Failure as `work` does */
export function nameMember<T>(member: ArrayMember, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Failure) || member.index === null) throw error;
    const values = Object.entries(member.values).map(([name, value]) => `${name}=${value}`);
    const which = `job ${member.index} of the array${values.length === 0 ? "" : ` (${values.join(", ")})`}`;
    throw new Failure(error.code, `${which}: ${error.message}`, error);
  }
}
