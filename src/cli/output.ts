import type { ChalkInstance } from "chalk";
import type { Environment } from "../config/paths.ts";
import { errnoOf, type Failure } from "../std/failure.ts";
import type { Io, OutputStream } from "./io.ts";
import { type Column, layOut } from "./text/table.ts";
import { oneLine, truncate, widthOf } from "./text/width.ts";

export type Colour = "red" | "green" | "yellow" | "cyan" | "dim" | "bold";

/** The two ways of asking for something other than text for people. */
export interface Format {
  json: boolean;
  quiet: boolean;
}

/** The only door to the terminal: stdout gets data and nothing else, stderr the rest. */
export interface Output {
  readonly format: Format;
  /** True when stderr is a terminal that can redraw a line: progress and hints make sense there. */
  readonly interactive: boolean;
  /** Resolves with the exit code once stdout cannot be written any more: 0 when its reader has gone, else 1. */
  readonly broken: Promise<number>;
  /** Resolves once all data was taken: with true, or with false when it could not be (`broken` then tells). */
  flush(): Promise<boolean>;
  /** Data, as it is. */
  write(text: string): void;
  /** A line of data. */
  print(text: string): void;
  /** The text in a colour, where data is shown in colours. */
  paint(colour: Colour, text: string): string;
  /** The whole result as one JSON document, as ids under -q, or as text by `text`. */
  result(value: unknown, human: { ids?: readonly (number | string)[]; text: () => void }): void;
  /** One JSON object on one line, for streams. */
  printJsonLine(value: unknown): void;
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void;
  /** The lines of a table, as wide as stdout: for who prints them by itself. */
  tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[], hasHead?: boolean): string[];
  /** Aligned "name  value" lines; null values are left out. */
  fields(pairs: readonly (readonly [string, string | number | null])[]): void;
  /** A line for people on stderr. */
  note(text: string): void;
  /** What to do next: dim, on a terminal only, never under -q or --json. */
  hint(text: string): void;
  /** One line on stderr that the next replaces; null takes it away. Nothing unless interactive. */
  progress(text: string | null): void;
  fail(failure: Failure): void;
}

/**
 * Makes the output. Colour is decided for each stream on its own: --no-color, NO_COLOR (not empty), FORCE_COLOR,
 * TERM=dumb, then whether it is a terminal. The colour library is loaded only when there is colour.
 */
export async function createOutput(io: Io, format: Format, colourWanted: boolean): Promise<Output> {
  const onOut = colourWanted && hasColour(io.env, io.stdout);
  const onErr = colourWanted && hasColour(io.env, io.stderr);
  const chalk = onOut || onErr ? new (await import("chalk")).Chalk({ level: 1 }) : undefined;
  return buildOutput(io, format, {
    out: painter(onOut ? chalk : undefined),
    err: painter(onErr ? chalk : undefined),
  });
}

/** Whether to colour what goes to `stream`. */
export function hasColour(env: Environment, stream: { readonly isTTY?: boolean }): boolean {
  if (env["NO_COLOR"] || env["ORCH_NO_COLOR"]) return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

type Paint = (colour: Colour | undefined, text: string) => string;

function painter(chalk: ChalkInstance | undefined): Paint {
  return (colour, text) => (chalk === undefined || colour === undefined ? text : chalk[colour](text));
}

function buildOutput(io: Io, format: Format, paint: { out: Paint; err: Paint }): Output {
  const { stdout, stderr } = io;
  const interactive = stderr.isTTY === true && io.env["TERM"] !== "dumb";
  let shown = "";
  const progress = (text: string | null): void => {
    if (!interactive || text === shown) return;
    const next = text === null ? "" : truncate(text, (stderr.columns ?? 80) - 1);
    if (next !== shown) stderr.write(`\r\x1b[2K${next}`);
    shown = next;
  };
  const write = (text: string): void => {
    progress(null);
    stdout.write(text);
  };
  const writeError = (text: string): void => {
    progress(null);
    stderr.write(`${text}\n`);
  };
  const self: Output = {
    format,
    interactive,
    broken: watchBreak(stdout, stderr, writeError),
    flush: () =>
      new Promise((resolve) => {
        stdout.write("", (error) => resolve(error === undefined || error === null));
      }),
    write,
    print: (text) => write(`${text}\n`),
    paint: (colour, text) => paint.out(colour, text),
    printJsonLine: (value) => write(`${JSON.stringify(value)}\n`),
    result(value, human) {
      if (format.json) write(`${JSON.stringify(value, null, 2)}\n`);
      else if (!format.quiet) human.text();
      else if (human.ids !== undefined && human.ids.length > 0) write(`${human.ids.join("\n")}\n`);
    },
    tableLines(rows, columns, hasHead = true) {
      const limit = stdout.isTTY === true ? (stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
      return layOut(rows, columns, limit, paint.out, hasHead);
    },
    table(rows, columns) {
      const lines = self.tableLines(rows, columns);
      if (lines.length > 0) write(`${lines.join("\n")}\n`);
    },
    fields(pairs) {
      const shownPairs = pairs.filter((pair) => pair[1] !== null);
      const width = Math.max(0, ...shownPairs.map(([name]) => widthOf(name)));
      for (const [name, value] of shownPairs) {
        write(`${paint.out("dim", name.padEnd(width))}  ${oneLine(String(value))}\n`);
      }
    },
    note: writeError,
    hint(text) {
      if (interactive && !format.json && !format.quiet) writeError(paint.err("dim", text));
    },
    progress,
    fail: (failure) => printFailure(failure, { writeError, paint: paint.err, format, env: io.env }),
  };
  return self;
}

interface FailureStyle {
  readonly writeError: (text: string) => void;
  readonly paint: Paint;
  readonly format: Format;
  readonly env: Environment;
}

function printFailure(failure: Failure, style: FailureStyle): void {
  const { writeError } = style;
  writeError(`${style.paint("red", "error:")} ${failure.message}`);
  if (failure.why !== undefined) writeError(`  why: ${failure.why}`);
  if (failure.hint !== undefined) writeError(`  try: ${failure.hint}`);
  if (style.env["ORCH_DEBUG"])
    writeError(`  code: ${failure.code}; orch help errors ${failure.code}\n${stackOf(failure)}`);
  if (style.format.json) writeError(JSON.stringify({ error: failure.toBody() }));
}

function stackOf(failure: Failure): string {
  const { cause } = failure;
  return (cause instanceof Error ? cause.stack : failure.stack) ?? "";
}

/** `orch ls | head -1` closes our stdout early: that is no error. A full disk is one. */
function watchBreak(
  stdout: OutputStream,
  stderr: OutputStream,
  writeError: (text: string) => void,
): Promise<number> {
  // A stderr that is gone leaves nobody to tell.
  stderr.on("error", () => {});
  return new Promise((resolve) => {
    stdout.on("error", (error: Error) => {
      const quiet = errnoOf(error) === "EPIPE";
      if (!quiet) writeError(`error: cannot write to stdout: ${error.message}`);
      resolve(quiet ? 0 : 1);
    });
  });
}
