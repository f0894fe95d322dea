import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";

/** What the nicknames of crontab(5) stand for. */
export const aliases: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/** The fields of a cron line, and what may stand in each. */
const cronFields = [
  { name: "second", min: 0, max: 59, takes: "0 to 59" },
  { name: "minute", min: 0, max: 59, takes: "0 to 59" },
  { name: "hour", min: 0, max: 23, takes: "0 to 23" },
  { name: "day of the month", min: 1, max: 31, takes: "1 to 31, or L for the last day" },
  { name: "month", min: 1, max: 12, takes: "1 to 12, or JAN to DEC" },
  {
    name: "weekday",
    min: 0,
    max: 6,
    takes: "0 to 7 (Sunday is 0 and 7), SUN to SAT, 5L for the last Friday, or MON#1 for the first Monday",
  },
] as const;
type CronField = (typeof cronFields)[number];

const exampleHint = 'write it like "0 3 * * *" (each day at 03:00) or "*/15 * * * MON-FRI"';

/**
 * Reads a cron line with a parser that knows the syntax of its fields, and finds what is wrong with it if there is.
 * @param parse is given six fields, seconds first, and throws if they are wrong or can never match
 * @returns what `parse` makes of the line
 * @throws Failure usage/invalid
 */
export function readCronLine<Parsed>(line: string, parse: (sixFields: string) => Parsed): Parsed {
  const shown = `"${line.trim().slice(0, 100)}"`;
  const fields = splitLine(line.trim(), shown);
  for (const [index, field] of cronFields.entries()) checkField(field, index, fields[index] ?? "", parse);
  try {
    return parse(fields.join(" "));
  } catch (cause) {
    throw new Failure("usage/invalid", `the cron line ${shown} never fires`, {
      why: `no month of "${fields[4]}" has a day ${fields[3]}`,
      hint: "L is the last day of each month",
      cause,
    });
  }
}

function splitLine(line: string, shown: string): string[] {
  if (line.length > 1000) {
    throw new Failure("usage/invalid", `the cron line ${shown}… is too long`, {
      why: `it has ${line.length} characters; at most 1000`,
      hint: exampleHint,
    });
  }
  const expanded = line.startsWith("@") ? expandAlias(line) : line;
  const fields = expanded.split(/\s+/).filter((field) => field !== "");
  if (fields.length === 5) return ["0", ...fields];
  if (fields.length === 6) return fields;
  throw new Failure("usage/invalid", `the cron line ${shown} has ${countOf(fields.length, "field")}`, {
    why: "it takes five: minute, hour, day of the month, month, weekday; or six, with the second first",
    hint: exampleHint,
  });
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function expandAlias(alias: string): string {
  const name = alias.toLowerCase();
  const line = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  if (line !== undefined) return line;
  const near = suggest(name, Object.keys(aliases));
  throw new Failure("usage/invalid", `"${alias.slice(0, 100)}" is not a schedule`, {
    why: `the names are ${Object.keys(aliases).join(", ")}`,
    hint: near === undefined ? exampleHint : `did you mean ${near}?`,
  });
}

/** Reads one field among others that are right, so that a mistake can be told by its place. */
function checkField(
  field: CronField,
  index: number,
  text: string,
  parse: (sixFields: string) => unknown,
): void {
  const known = problemOf(field, text);
  if (known !== null) throw wrongField(field, text, known);
  try {
    parse(cronFields.map((_, at) => (at === index ? text : at === 0 ? "0" : "*")).join(" "));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : "";
    const twice = /duplicate values found: (\w+)/.exec(message)?.[1];
    const why =
      twice === undefined
        ? `it takes ${field.takes}; also *, lists (1,3), ranges (1-5) and steps (*/5)`
        : `it names ${twice} twice`;
    throw wrongField(field, text, { why }, cause);
  }
}

/** Mistakes that the parser would not name, or would let pass. */
function problemOf(field: CronField, text: string): { why: string; hint?: string } | null {
  if (/(^|,)H/i.test(text)) {
    return { why: "H, a random time, is not known", hint: "choose the time yourself" };
  }
  for (const item of text.split(",")) {
    const step = Number(/\/(\d+)$/.exec(item)?.[1] ?? 1);
    const size = field.max - field.min + 1;
    if (step > size) {
      return {
        why: `a step of ${step} is more than the ${size} values there are, and would fire at the first only`,
        hint: "steps begin anew each time: for every 90 minutes take two lines, or a job that submits the next",
      };
    }
    const [, from = "", to = ""] = /^(\d+)-(\d+)(?:\/\d+)?$/.exec(item) ?? [];
    if (from !== "" && Number(from) > Number(to)) {
      const hint = `write it in two parts: ${from}-${field.max},${field.min}-${to}`;
      return { why: `a range goes up, and ${from} is more than ${to}`, hint };
    }
  }
  return null;
}

function wrongField(
  field: CronField,
  text: string,
  { why, hint = exampleHint }: { why: string; hint?: string },
  cause?: unknown,
): Failure {
  return new Failure("usage/invalid", `the ${field.name} "${text.slice(0, 60)}" is wrong in a cron line`, {
    why,
    hint,
    cause,
  });
}
