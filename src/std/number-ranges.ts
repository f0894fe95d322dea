import { Failure } from "./failure.ts";
import type { Steps } from "./give-way.ts";

/** So many elements one list may have: each becomes a job. */
export const maxRangeElements = 100_000;

/** Whole numbers, and how many of their jobs may run at once. */
export interface NumberRanges {
  /** In the order written, each once. */
  readonly numbers: readonly number[];
  /** Null: as many as there is room for. */
  readonly atOnce: number | null;
}

interface Span {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Spans that are read between two pauses. */
const SPANS_PER_STEP = 1_000;

const example = "write it like 0-99%4, 0,3,7 or 1-9:2";

/**
 * Reads whole numbers as in `sbatch --array`: `0-99`, `0,3,7`, `1-9:2` (1, 3, 5, 7, 9), `0-99%4` (four at once), and
 * lists of these. Nothing is built before its size is known to be allowed. It pauses where others may have their turn.
 * @throws Failure usage/invalid
 */
export function* parseNumberRanges(text: string): Steps<NumberRanges> {
  const [list = "", limit, ...rest] = text.replace(/\s+/g, "").split("%");
  if (rest.length > 0) throw wrong(text, "it has more than one %", example);
  const spans: Span[] = [];
  for (const part of list.split(",")) {
    spans.push(readSpan(part, text));
    if (spans.length % SPANS_PER_STEP === 0) yield;
  }
  const count = spans.reduce((sum, span) => sum + countOf(span), 0);
  if (count > maxRangeElements) {
    throw new Failure("usage/invalid", `"${text.slice(0, 80)}" names ${show(count)} numbers`, {
      why: `at most ${show(maxRangeElements)} are allowed`,
      hint: "split it into several submits, or take a larger step, like 0-999999:10",
    });
  }
  const numbers = new Set<number>();
  for (const [index, span] of spans.entries()) {
    addAll(numbers, span, text);
    if (index % SPANS_PER_STEP === 0) yield;
  }
  return { numbers: [...numbers], atOnce: limit === undefined ? null : readLimit(limit, text) };
}

function readSpan(part: string, text: string): Span {
  const match = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part);
  if (match === null) {
    const why = part === "" ? "a number is missing" : `"${part}" is neither a whole number nor a range`;
    throw wrong(text, part.startsWith("-") ? "numbers start at 0" : why, example);
  }
  const [from = 0, to = from, step = 1] = match
    .slice(1)
    .filter((digits) => digits !== undefined)
    .map((digits) => readNumber(digits, text));
  if (from > to) throw wrong(text, `a range goes up, and ${from} is more than ${to}`, `write ${to}-${from}`);
  if (step === 0) throw wrong(text, "a step of 0 would never end", `write ${from}-${to}:1`);
  return { text: part, from, to, step };
}

function readNumber(digits: string, text: string): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw wrong(text, `${digits} is too large a number`, example);
  if (digits === String(value)) return value;
  throw wrong(text, `zeros before a number are not kept`, `write ${value} for ${digits}`);
}

function readLimit(limit: string, text: string): number {
  if (!/^\d+$/.test(limit)) throw wrong(text, "after % goes how many may run at once", example);
  const atOnce = readNumber(limit, text);
  if (atOnce === 0)
    throw wrong(text, "with 0 at once none would ever run", "write %1 for one after the other");
  return atOnce;
}

function countOf({ from, to, step }: Span): number {
  return Math.floor((to - from) / step) + 1;
}

function addAll(numbers: Set<number>, span: Span, text: string): void {
  for (let value = span.from; value <= span.to; value += span.step) {
    if (numbers.has(value)) throw wrong(text, `it names ${value} twice`, `take ${value} out of ${span.text}`);
    numbers.add(value);
  }
}

function wrong(text: string, why: string, hint: string): Failure {
  return new Failure("usage/invalid", `"${text.slice(0, 80)}" is not a list of numbers`, { why, hint });
}

function show(count: number): string {
  return count.toLocaleString("en-US");
}
