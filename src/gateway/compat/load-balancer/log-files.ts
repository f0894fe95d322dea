import { appendFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Json } from "../../../std/json.ts";
import type { GatewayPort } from "../../port.ts";

/** One line of a log. */
export type LogRecord = Readonly<Record<string, Json>>;

/** The log files of the load balancer. */
export interface LogFiles {
  /** Adds a record; what cannot be written is dropped, and said once in the daemon's log. */
  write(file: string, record: LogRecord): void;
  path(file: string): Promise<string>;
  /** The last lines of a file, each with its number from 1; null = there is no file yet. */
  tail(file: string, lines: number): Promise<readonly NumberedLine[] | null>;
  /** Resolves when all that was written is on its way to the disk. */
  settled(): Promise<void>;
}

export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

const MOST_BYTES = 50 * 2 ** 20;
const BACKUPS = 10;
/** Lines that wait to be written; more are dropped. */
const MOST_WAITING = 10_000;

/** @param dir asked for when it is needed */
export function createLogFiles(
  { log }: Pick<GatewayPort, "log">,
  dir: () => Promise<string>,
  maxBytes = MOST_BYTES,
): LogFiles {
  const waiting = new Map<string, string[]>();
  let isSaid = false;
  let writing: Promise<void> | null = null;
  const flush = async (): Promise<void> => {
    const folder = await dir();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    while (waiting.size > 0) {
      const batch = [...waiting];
      waiting.clear();
      for (const [file, lines] of batch) await append(join(folder, file), lines.join(""), maxBytes);
    }
  };
  const start = (): void => {
    writing ??= flush()
      .catch((error: unknown) => {
        waiting.clear();
        if (!isSaid) log.warn({ err: error }, "the log files of the load balancer cannot be written");
        isSaid = true;
      })
      .finally(() => {
        writing = null;
      });
  };
  return {
    write(file, record) {
      const lines = waiting.get(file) ?? [];
      waiting.set(file, lines);
      if (lines.length < MOST_WAITING) lines.push(`${JSON.stringify(record)}\n`);
      start();
    },
    path: async (file) => join(await dir(), file),
    tail: async (file, lines) => readTail(join(await dir(), file), lines),
    settled: async () => {
      while (writing !== null) await writing;
    },
  };
}

async function append(path: string, text: string, maxBytes: number): Promise<void> {
  const bytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (bytes > 0 && bytes + Buffer.byteLength(text) > maxBytes) await rotate(path);
  await appendFile(path, text, { mode: 0o600 });
}

/** x.jsonl becomes x.jsonl.1, that one x.jsonl.2 and so on; the oldest goes. */
async function rotate(path: string): Promise<void> {
  await rm(`${path}.${BACKUPS}`, { force: true });
  for (let number = BACKUPS - 1; number >= 1; number -= 1)
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(() => undefined);
  await rename(path, `${path}.1`);
}

const CHUNK_BYTES = 64 * 1024;

/** Reads the whole file, piece by piece, since lines are numbered from its begin; it has 50 MB at most. */
async function readTail(path: string, most: number): Promise<readonly NumberedLine[] | null> {
  const handle = await open(path, "r").catch(() => null);
  if (handle === null) return null;
  try {
    const kept: NumberedLine[] = [];
    let number = 0;
    for await (const text of handle.readLines({ highWaterMark: CHUNK_BYTES })) {
      number += 1;
      kept.push({ number, text });
      if (kept.length > most * 2) kept.splice(0, kept.length - most);
    }
    return kept.slice(-most);
  } finally {
    await handle.close().catch(() => undefined);
  }
}
