import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";
import { invalidRuntime, maxRuntimeFileBytes, parseRuntime, type RuntimePlace } from "./parse.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Reads `<dir>/runtime.yaml` from the disk and checks it, with the files it names.
 * @throws Failure runtime/invalid
 */
export function loadRuntime(place: RuntimePlace): Runtime {
  const runtime = parseRuntime(readText(place), place);
  const requirementsPath = runtime.python?.requirementsPath ?? null;
  if (requirementsPath !== null) requireFile(requirementsPath, "python.requirements", place);
  return runtime;
}

/**
 * Reads the runtime at a path given by a person: its folder, or its runtime.yaml.
 * @throws Failure runtime/invalid
 */
export function loadRuntimeAt(path: string): Runtime {
  const absolute = resolve(path);
  const dir = basename(absolute) === "runtime.yaml" ? resolve(absolute, "..") : absolute;
  return loadRuntime({ dir, origin: "project" });
}

function readText(place: RuntimePlace): string {
  const bytes = readCapped(join(place.dir, "runtime.yaml"), place);
  if (bytes.length > maxRuntimeFileBytes) {
    throw invalidRuntime(place, { line: 1, col: 1 }, "the file is too large", "it is over 256 KB");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidRuntime(place, positionOfBadByte(bytes), "not text", "the file is not valid UTF-8");
  }
}

/** Reads one byte more than allowed, so that a file that grows meanwhile cannot fill the memory. */
function readCapped(file: string, place: RuntimePlace): Buffer {
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: opening a FIFO put in the file's place would otherwise hang the daemon.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(descriptor).isFile()) throw unreadable(place, "it is not a regular file");
    const buffer = Buffer.alloc(maxRuntimeFileBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(descriptor, buffer, length, buffer.length - length, null);
    }
    return buffer.subarray(0, length);
  } catch (error) {
    throw explainError(error, "", place);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function requireFile(path: string, key: string, place: RuntimePlace): void {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(descriptor).isFile()) throw unreadable(place, `${key}: ${path} is not a regular file`);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw explainError(error, `${key}: ${path}: `, place);
  }
}

function unreadable(place: RuntimePlace, why: string): Failure {
  return invalidRuntime(place, { line: 1, col: 1 }, "the runtime cannot be used", why);
}

function explainError(error: unknown, prefix: string, place: RuntimePlace): unknown {
  // A Failure bears a code as system errors do, so it has to be told apart first.
  const errno = error instanceof Failure ? undefined : errnoOf(error);
  if (errno === undefined) return error;
  if (errno === "ENOENT" || errno === "ENOTDIR") return unreadable(place, `${prefix}there is no such file`);
  const isForbidden = errno === "EACCES" || errno === "EPERM";
  return unreadable(place, prefix + (isForbidden ? "this user may not read it" : errno));
}

/** Line and column of the first byte that is not UTF-8, by decoding ever longer starts of the file. */
function positionOfBadByte(bytes: Buffer): { line: number; col: number } {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const isGood = isUtf8Start(bytes.subarray(0, middle));
    if (isGood) good = middle;
    else bad = middle;
  }
  const before = new TextDecoder("utf-8").decode(bytes.subarray(0, good), { stream: true });
  const lastLine = before.slice(before.lastIndexOf("\n") + 1);
  return { line: before.split("\n").length, col: lastLine.length + 1 };
}

function isUtf8Start(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
