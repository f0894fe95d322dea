import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../std/bytes.ts";
import { errnoOf } from "../std/failure.ts";
import type { Exit } from "./engine.ts";

const KILLED = 128 + constants.signals.SIGKILL;

/** What an exit code says beyond its number: the signal, for 128 + signal. Null for plain codes. */
export function describeExitCode(exitCode: number): string | null {
  const name = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return name === undefined ? null : `ended by ${name}`;
}

/**
 * Reads the `exit` record of a control folder: `exit N` from the supervisor, or `lost WHY` from a daemon that
 * found the supervisor gone without one. Null when there is none; a line without its end is not written yet.
 * @throws when the file is there and cannot be read (no file descriptors left).
 */
export function readExitRecord(dir: string): Exit | null {
  let text: string;
  try {
    text = readFileSync(join(dir, "exit"), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  const match = /^(?:exit (\d{1,3})|lost (.*))\n$/.exec(text);
  if (match === null) return null;
  if (match[1] === undefined) return { exitCode: null, detail: match[2] ?? null };
  const exitCode = Number(match[1]);
  return { exitCode, detail: describeExitCode(exitCode) };
}

/**
 * The end of a program that failed, explained by its memory limit where the kernel has killed at that.
 * @param limitBytes the limit; null = nothing was killed
 */
export function withMemoryLimit(exit: Exit, limitBytes: number | null): Exit {
  if (limitBytes === null || exit.exitCode === 0) return exit;
  const what = exit.exitCode === KILLED ? "killed" : "a process of it was killed";
  const detail = `${what} by the kernel: it went over its memory limit of ${formatBytes(limitBytes)} (--ram, or ram: of its runtime)`;
  return { ...exit, detail, isOverLimit: true };
}

/** Writes the record of a supervisor that could not do it itself and is gone. */
export function recordExit(dir: string, exitCode: number): Exit {
  writeRecord(dir, `exit ${exitCode}\n`);
  return { exitCode, detail: describeExitCode(exitCode) };
}

/**
 * Records for good that nobody can tell how the program ended, so that every later look gives the same answer. To
 * be called only when the supervisor is gone.
 * @param detail why, one line.
 */
export function recordLost(dir: string, detail: string): Exit {
  writeRecord(dir, `lost ${detail.replaceAll("\n", " ")}\n`);
  return { exitCode: null, detail };
}

function writeRecord(dir: string, line: string): void {
  try {
    writeFileSync(join(dir, "exit"), line);
  } catch {
    // A full disk or a removed folder: the answer is right all the same, it is just not kept.
  }
}
