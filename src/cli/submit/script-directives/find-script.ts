import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Failure } from "../../../std/failure.ts";
import type { Io } from "../../io.ts";

/** A script that is to be run, as it lies there. */
export interface ScriptFile {
  readonly path: string;
  /** Its beginning, as far as flags may stand in it. */
  readonly head: string;
  readonly isExecutable: boolean;
}

/** Slurm's scripts may be larger; their flags are at the head. */
const HEAD_BYTES = 64 * 1024;

/**
 * The script that the first word of a command names: a file that begins with #!, given by its path, or by its name alone
 * in this folder. Null for everything else, such as a program of PATH.
 * @throws Failure usage/invalid for one that has flags at its head, but no #!
 */
export function findScript({ cwd, env }: Pick<Io, "cwd" | "env">, word: string): ScriptFile | null {
  const path = resolve(cwd, word);
  const head = word === "" ? null : readHead(path);
  if (head === null) return null;
  // A program of PATH goes first, as in a shell, unless the file here says itself that it is a script for us.
  const isMeant = word.includes("/") || /^#(SBATCH|ORCH)\s/m.test(head) || !isInPath(word, env["PATH"]);
  return isMeant ? { path, head, isExecutable: isExecutable(path) } : null;
}

function readHead(path: string): string | null {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const buffer = Buffer.alloc(HEAD_BYTES);
    const text = buffer.toString("utf8", 0, readSync(file, buffer, 0, HEAD_BYTES, 0));
    if (text.startsWith("#!")) return text;
    if (!/^(#.*\n|\s*\n)*#(SBATCH|ORCH)\s/.test(text)) return null;
    throw new Failure("usage/invalid", `${path} does not say what runs it`, {
      why: "its first line does not begin with #!",
      hint: "begin it with #!/bin/bash",
    });
  } finally {
    closeSync(file);
  }
}

function isInPath(word: string, path = ""): boolean {
  return path.split(":").some((folder) => folder !== "" && isExecutable(resolve(folder, word)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
