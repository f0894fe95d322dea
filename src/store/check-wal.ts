import fs from "node:fs";
import os from "node:os";
import { sinceBootMs, systemClock } from "../std/clock.ts";

// What SQLite's file format says of the write-ahead log (fileformat2, 4) and of its index (walformat, 2.1). SQLite itself
// takes a log up to the first frame that does not fit and drops the rest in silence: right for the end of a commit that no
// fsync had finished, and silent loss for anything that had been acknowledged.

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;
/** The index begins with two copies of its header, and then says how many frames are in the database by now. */
const INDEX_HEADER_BYTES = 48;
const INDEX_VERSION = 3_007_000;

interface Sum {
  readonly s0: number;
  readonly s1: number;
}

interface Log {
  readonly bytes: Buffer;
  readonly pageBytes: number;
  readonly frames: number;
  readonly isBigEndian: boolean;
  readonly salts: Buffer;
  readonly sum: Sum;
}

/**
 * Looks for commits that were on disk and are not any more: frames that SQLite would drop though a later commit follows
 * them, or though the index (`-shm`), which a crash of the daemon leaves behind, knows of them.
 * @param database path of the database; `-wal` and `-shm` are beside it
 * @returns what is missing, in words; null when nothing is known to be
 */
export function findWalDamage(database: string): string | null {
  const bytes = readIfThere(`${database}-wal`);
  const index = readIndex(`${database}-shm`);
  if (bytes === null || bytes.length <= HEADER_BYTES)
    return index !== null && index.backfilled < index.frames
      ? missing(index.frames - index.backfilled)
      : null;
  const log = openLog(bytes);
  if (log === null) return "the header of its write-ahead log is damaged";
  const { committed, firstBad } = walk(log);
  if (index?.salts.equals(log.salts) && index.frames > committed) return missing(index.frames - committed);
  return hasLaterCommit(log, firstBad)
    ? `frame ${firstBad + 1} of its write-ahead log is damaged, and commits come after it`
    : null;
}

const missing = (frames: number): string =>
  `its write-ahead log was cut or damaged: ${frames} pages of finished commits are missing at its end`;

function readIfThere(file: string): Buffer | null {
  return fs.existsSync(file) ? fs.readFileSync(file) : null;
}

/**
 * The index is memory of this machine, in its own byte order. Nobody syncs it: of an earlier boot it may be as it was long before
 * the end, and know of commits that were moved into the database since.
 */
function readIndex(file: string): { frames: number; backfilled: number; salts: Buffer } | null {
  const bytes = readIfThere(file);
  if (bytes === null || !isOfThisBoot(file) || bytes.length < 2 * INDEX_HEADER_BYTES + 4) return null;
  const number = (at: number): number =>
    os.endianness() === "LE" ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const [first, second] = [0, INDEX_HEADER_BYTES].map((at) => bytes.subarray(at, at + INDEX_HEADER_BYTES));
  const isWhole = number(0) === INDEX_VERSION && bytes[12] === 1 && first?.equals(second ?? bytes) === true;
  if (!isWhole) return null;
  return { frames: number(16), backfilled: number(2 * INDEX_HEADER_BYTES), salts: bytes.subarray(32, 40) };
}

function isOfThisBoot(file: string): boolean {
  return fs.statSync(file).mtimeMs >= systemClock.nowMs() - sinceBootMs();
}

function openLog(bytes: Buffer): Log | null {
  const isBigEndian = bytes.readUInt32BE(0) === MAGIC + 1;
  const sum = add({ s0: 0, s1: 0 }, bytes.subarray(0, 24), isBigEndian);
  const isSound =
    (isBigEndian || bytes.readUInt32BE(0) === MAGIC) &&
    fits(sum, bytes.readUInt32BE(24), bytes.readUInt32BE(28));
  if (!isSound) return null;
  const pageBytes = bytes.readUInt32BE(8);
  const frames = Math.floor((bytes.length - HEADER_BYTES) / (pageBytes + FRAME_HEADER_BYTES));
  return { bytes, pageBytes, frames, isBigEndian, salts: bytes.subarray(16, 24), sum };
}

const fits = (sum: Sum, s0: number, s1: number): boolean => sum.s0 === s0 && sum.s1 === s1;

/** The log's own checksum over more bytes, a multiple of eight. */
function add({ s0, s1 }: Sum, bytes: Buffer, isBigEndian: boolean): Sum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [left, right] = [s0, s1];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    left = (left + view.getUint32(at, !isBigEndian) + right) >>> 0;
    right = (right + view.getUint32(at + 4, !isBigEndian) + left) >>> 0;
  }
  return { s0: left, s1: right };
}

interface Frame {
  readonly isOurs: boolean;
  readonly isCommit: boolean;
  /** As it is written in it. */
  readonly stored: Sum;
}

/** One of an earlier round of the log has other salts. */
function frameAt(log: Log, index: number): Frame {
  const at = HEADER_BYTES + index * (log.pageBytes + FRAME_HEADER_BYTES);
  return {
    isOurs: log.bytes.subarray(at + 8, at + 16).equals(log.salts),
    isCommit: log.bytes.readUInt32BE(at + 4) !== 0,
    stored: { s0: log.bytes.readUInt32BE(at + 16), s1: log.bytes.readUInt32BE(at + 20) },
  };
}

/** Whether a frame follows on what was written before it. */
function follows(log: Log, index: number, before: Sum): boolean {
  const at = HEADER_BYTES + index * (log.pageBytes + FRAME_HEADER_BYTES);
  const { isOurs, stored } = frameAt(log, index);
  if (!isOurs) return false;
  const head = add(before, log.bytes.subarray(at, at + 8), log.isBigEndian);
  const page = log.bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + log.pageBytes);
  return fits(add(head, page, log.isBigEndian), stored.s0, stored.s1);
}

/** How far SQLite goes: frames up to the last commit, and the first frame that it does not take. */
function walk(log: Log): { committed: number; firstBad: number } {
  let [before, committed, index] = [log.sum, 0, 0];
  for (; index < log.frames && follows(log, index, before); index++) {
    const { stored, isCommit } = frameAt(log, index);
    before = stored;
    if (isCommit) committed = index + 1;
  }
  return { committed, firstBad: index };
}

/**
 * Whether somebody wrote on after a commit that SQLite drops: that commit was on disk then, since each is synced before
 * the next one begins. A last commit alone may be one that the power went out in.
 */
function hasLaterCommit(log: Log, firstBad: number): boolean {
  for (let index = firstBad; index + 1 < log.frames; index++) {
    const { isOurs, isCommit, stored } = frameAt(log, index);
    if (isOurs && isCommit && follows(log, index + 1, stored)) return true;
  }
  return false;
}
