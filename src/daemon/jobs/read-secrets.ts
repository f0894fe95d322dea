import fs from "node:fs";
import path from "node:path";
import { Failure } from "../../std/failure.ts";

/** Whoever else can read the file knows the secret already: fail closed. */
const OPEN_TO_OTHERS = 0o077;

/**
 * The values of a runtime's secrets, read from one file each, for the environment of its workers.
 * @param dir folder that holds them: `secrets` beside the user's config file
 * @throws Failure file/missing, permission/denied; never with a value in it
 */
export function readSecrets(dir: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, readSecret(path.join(dir, name), name)]));
}

function readSecret(file: string, name: string): string {
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) {
    throw new Failure("file/missing", `the secret ${name} is not there`, {
      why: `${file} is missing or no file`,
      hint: `install -m 400 /dev/stdin ${file}`,
    });
  }
  if ((found.mode & OPEN_TO_OTHERS) !== 0 || found.uid !== process.getuid?.()) {
    throw new Failure("permission/denied", `the secret ${name} can be read or replaced by others`, {
      why: `${file} must belong to the daemon's user and have mode 0400`,
      hint: `chmod 400 ${file}`,
    });
  }
  return fs.readFileSync(file, "utf8").replace(/\n$/, "");
}
