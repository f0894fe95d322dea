import fs from "node:fs/promises";
import path from "node:path";

/**
 * A log is one stream of bytes with offsets that never change. Its beginning may lie in parts, `NAME.START-END.gz`
 * beside it; in the file itself that range is then a hole. All of it can be told from the names of the parts.
 */
export interface LogPart {
  readonly file: string;
  /** Offsets in the log: the first byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/** The file that a part of the log at `file` has. */
export function partFile(file: string, start: number, end: number): string {
  return `${file}.${start}-${end}.gz`;
}

/** The parts of a log in order; none where its folder cannot be read. */
export async function listParts(file: string): Promise<LogPart[]> {
  const dir = path.dirname(file);
  const names = await fs.readdir(dir).catch(() => []);
  const start = `${path.basename(file)}.`;
  return names
    .filter((name) => name.startsWith(start))
    .flatMap((name) => {
      const range = /^(\d+)-(\d+)\.gz$/.exec(name.slice(start.length));
      return range === null
        ? []
        : [{ file: path.join(dir, name), start: Number(range[1]), end: Number(range[2]) }];
    })
    .sort((left, right) => left.start - right.start);
}

/** Where what still stands in the file itself begins. */
export function liveStart(parts: readonly LogPart[]): number {
  return parts.at(-1)?.end ?? 0;
}

/** Where it is kept when a log grew. */
export function timesFile(file: string): string {
  return `${file}.times`;
}
