import { Failure, failureTable } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";
import { columnsOf, wrapText } from "../help-layout.ts";
import { jobVariables, readVariables, slurmVariables, workerVariables } from "./environment.ts";
import { exitCodes } from "./exit-codes.ts";
import { failureTexts } from "./failure-texts.ts";
import { filterLines } from "./filters.ts";

/** Something that `orch help` explains beside the commands. */
export interface Topic {
  readonly summary: string;
  /** Its text, for `width` columns; `words` are those behind the topic. @throws Failure usage/invalid */
  readonly text: (words: readonly string[], width: number) => string;
}

/** Every topic by name. */
export const topics: Readonly<Record<string, Topic>> = {
  errors: { summary: "What error codes mean, and what to do: orch help errors CODE", text: errorsText },
  "exit-codes": { summary: "What the exit codes mean", text: (_words, width) => exitCodesText(width) },
  filters: {
    summary: "How to choose jobs, and what lists print",
    text: (_words, width) => filtersText(width),
  },
  environment: {
    summary: "Environment variables: those that steer orch, those that jobs find",
    text: (_words, width) => environmentText(width),
  },
};

function errorsText([asked]: readonly string[], width: number): string {
  if (asked !== undefined) return errorText(asked, width);
  const rows = Object.entries(failureTexts).map(([code, { cause }]) => [code, firstSentence(cause)] as const);
  const head =
    "Every error has a code. It is in the output of --json, in the API's answers, and shown with ORCH_DEBUG=1.";
  return [
    ...wrapText(head, width),
    "",
    ...columnsOf(rows, width),
    "",
    "More of one: orch help errors CODE",
  ].join("\n");
}

function errorText(asked: string, width: number): string {
  const code = Object.keys(failureTable).find((known) => known === asked) as
    | keyof typeof failureTable
    | undefined;
  const text = code === undefined ? undefined : failureTexts[code];
  if (code === undefined || text === undefined) {
    const near = suggest(asked, Object.keys(failureTable));
    throw new Failure("usage/invalid", `there is no error code "${asked}"`, {
      hint: near === undefined ? "orch help errors" : `orch help errors ${near}`,
    });
  }
  const { exit, http } = failureTable[code];
  return [
    code,
    "",
    ...wrapText(text.cause, width),
    "",
    ...wrapText(`What to do: ${text.remedy}`, width),
    "",
    `Exit code ${exit}, HTTP status ${http}.`,
  ].join("\n");
}

function firstSentence(text: string): string {
  return /^.*?[.:;](?=\s|$)/.exec(text)?.[0].slice(0, -1) ?? text;
}

function exitCodesText(width: number): string {
  const rows = exitCodes.map(([code, meaning]) => [String(code), meaning] as const);
  const own =
    "`run`, `shell`, `attach`, `exec` and `submit --wait` pass the exit code of the job or command on: 128 + the number of the signal when one ended it, 1 when it has none. `wait` gives that of the first job that did not succeed.";
  const why =
    "A job may end with any of these codes itself; `orch show JOB` tells whether it did. Which error has which code: orch help errors CODE";
  return [...columnsOf(rows, width), "", ...wrapText(own, width), "", ...wrapText(why, width)].join("\n");
}

function environmentText(width: number): string {
  const parts = [
    ["Read by orch:", readVariables],
    ["In the environment of every job:", jobVariables],
    ["And of the program of a runtime:", workerVariables],
    ["And of a script with #SBATCH lines:", slurmVariables],
  ] as const;
  return parts
    .flatMap(([title, rows], index) => [...(index === 0 ? [] : [""]), title, ...columnsOf(rows, width)])
    .join("\n");
}

function filtersText(width: number): string {
  return filterLines(width).join("\n");
}
