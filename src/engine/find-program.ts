import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";

/** Where programs are looked for when the environment names no PATH. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * The file that a shell in `cwd` would run for `name`, or null when there is none. A name with a slash is a path and
 * stays as it is (whoever runs it says what is wrong with it); any other is searched in `path` (as in PATH) and comes
 * back absolute. Shell builtins do not count as programs.
 */
export function findProgram(name: string, path: string | undefined, cwd: string): string | null {
  if (name.includes("/")) return name;
  if (name === "") return null;
  for (const folder of (path ?? DEFAULT_PATH).split(":")) {
    const file = resolve(cwd, folder, name);
    if (isProgram(file)) return file;
  }
  return null;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
