import { formatDurationMs, parseDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";

/** The number of a job as typed. @throws Failure usage/invalid */
export function parseJobId(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new Failure("usage/invalid", `"${text}" is not a job id`, {
    why: "job ids are whole numbers",
    hint: "orch ls",
  });
}

/** The first job id of a command that takes one. */
export function onlyJobId(args: readonly string[]): number {
  return parseJobId(args[0] ?? "");
}

/** "12,13 14" or a flag given several times, collected. */
export function collectJobIds(text: string, before: readonly number[] | undefined): number[] {
  return [
    ...(before ?? []),
    ...text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(parseJobId),
  ];
}

/** Wraps the reader of a flag's value, so that its failure names the flag. */
export function flagReader<T>(flag: string, read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(error.code, `${flag}: ${error.message}`, { why: error.why, hint: error.hint });
    }
  };
}

/** Reads a whole number between two bounds. */
export function integerFlag(flag: string, min: number, max: number): (text: string) => number {
  return flagReader(flag, (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new Failure("usage/invalid", `"${text}" is not a whole number from ${min} to ${max}`);
  });
}

/** Reads a duration between two bounds. Milliseconds. */
export function durationFlag(flag: string, minMs: number, maxMs: number): (text: string) => number {
  return flagReader(flag, (text) => {
    const ms = parseDurationMs(text);
    if (ms >= minMs && ms <= maxMs) return ms;
    const why = `it is from ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}`;
    throw new Failure("usage/invalid", `"${text}" is too ${ms < minMs ? "short" : "long"}`, { why });
  });
}

/** Reads text of at least one character and at most so many. */
export function textFlag(flag: string, maxLength: number): (text: string) => string {
  return flagReader(flag, (text) => {
    if (text.length > 0 && text.length <= maxLength) return text;
    const why = `it takes 1 to ${maxLength} characters`;
    throw new Failure("usage/invalid", text === "" ? "it is empty" : `it has ${text.length} characters`, {
      why,
    });
  });
}

/** The reader of a flag's value that can say what the value may be, as completion asks it. */
export interface WordsReader<T> {
  (text: string): T;
  readonly words: readonly string[];
  /** Whether several of them may be given, with commas. */
  readonly isList: boolean;
}

/** Reads one of a few words, or several of them with commas. */
export function wordsFlag<W extends string>(flag: string, words: readonly W[]): WordsReader<W[]> {
  const read = flagReader(flag, (text) =>
    text.split(",").map((word) => {
      const known = words.find((candidate) => candidate === word.trim());
      if (known !== undefined) return known;
      throw new Failure("usage/invalid", `unknown value "${word.trim()}"`, {
        hint: `use ${words.join(", ")}`,
      });
    }),
  );
  return Object.assign(read, { words, isList: true });
}

/** Reads one of a few words. */
export function wordFlag<W extends string>(flag: string, words: readonly W[]): WordsReader<W> {
  const read = flagReader(flag, (text) => {
    const known = words.find((word) => word === text.trim());
    if (known !== undefined) return known;
    throw new Failure("usage/invalid", `unknown value "${text}"`, { hint: `use ${words.join(", ")}` });
  });
  return Object.assign(read, { words, isList: false });
}

/** Takes any text, since the daemon is to judge it, but says what is usual. */
export function suggestedWords(...words: string[]): WordsReader<string> {
  return Object.assign((text: string) => text, { words, isList: false });
}
