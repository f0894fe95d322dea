import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { listParts, liveStart, partFile } from "./log-parts.ts";
import { readRange } from "./raw-log.ts";

const run = promisify(execFile);
const PUNCH_TIMEOUT_MS = 60_000;
/** A part ends with a line, if one ends so close before its limit. Bytes. */
const LINE_SEARCH_BYTES = 64 * 1024;

export interface RotationLimits {
  /** What stands in the file itself may become this large. Bytes. */
  readonly maxBytes: number;
  /** Parts kept beside it; 1 at least, since the last one tells where the file begins. */
  readonly keepParts: number;
}

/**
 * Moves the beginning of a log into packed parts as long as its file holds more than it may, and gives the disk space of
 * what was moved back by making it a hole: the program goes on writing to the same file at the same offsets. Killed at any
 * moment, it leaves the log whole: a part counts from its rename on, and a range without its hole is moved only once.
 * @param isAged what stands in the file now is to go into a part however little it is, as far as its lines are whole
 * @returns how many parts were made
 * @throws the system's error, of a full disk for example; nothing is lost then
 */
export async function rotateLog(
  file: string,
  size: number,
  limits: RotationLimits,
  isAged = false,
): Promise<number> {
  const parts = await listParts(file);
  let start = liveStart(parts);
  let made = 0;
  const move = async (limit: number): Promise<void> => {
    const end = await cutAfterLine(file, start, limit);
    await pack(file, start, end);
    await punch(file, end);
    start = end;
    made += 1;
  };
  while (size - start > limits.maxBytes) await move(start + limits.maxBytes);
  if (isAged && size > start) await move(size);
  if (made > 0) await dropOldest(file, limits.keepParts);
  return made;
}

async function cutAfterLine(file: string, start: number, limit: number): Promise<number> {
  const from = Math.max(start, limit - LINE_SEARCH_BYTES);
  const at = (await readRange(file, from, limit)).lastIndexOf(0x0a);
  return at === -1 ? limit : from + at + 1;
}

async function pack(file: string, start: number, end: number): Promise<void> {
  const temporary = `${file}.packing`;
  try {
    await pipeline(
      createReadStream(file, { start, end: end - 1 }),
      createGzip(),
      createWriteStream(temporary, { mode: 0o600 }),
    );
    await sync(temporary);
    await fs.rename(temporary, partFile(file, start, end));
    // The name has to be on disk before the range it stands for is given up.
    await sync(path.dirname(file));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
}

async function sync(target: string): Promise<void> {
  const handle = await fs.open(target, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a hole of everything before `end`; its size stays. By fallocate(1) of util-linux, since Node has no such call. */
async function punch(file: string, end: number): Promise<void> {
  await run("fallocate", ["--punch-hole", "--keep-size", "--offset", "0", "--length", String(end), file], {
    timeout: PUNCH_TIMEOUT_MS,
  });
}

async function dropOldest(file: string, keep: number): Promise<void> {
  const parts = await listParts(file);
  for (const part of parts.slice(0, Math.max(0, parts.length - Math.max(1, keep))))
    await fs.rm(part.file, { force: true });
}

/** Whether files in `dir` can be given holes; without that, logs are left whole. */
export async function canPunch(dir: string): Promise<boolean> {
  const probe = path.join(dir, "hole.probe");
  try {
    await fs.writeFile(probe, Buffer.alloc(8192, 1), { mode: 0o600 });
    await punch(probe, 4096);
    const bytes = await fs.readFile(probe);
    return bytes.length === 8192 && bytes[0] === 0 && bytes[4096] === 1;
  } catch {
    return false;
  } finally {
    await fs.rm(probe, { force: true }).catch(() => undefined);
  }
}
