import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "./assert.ts";

let found: string | undefined;

/**
 * Absolute path of the folder that holds orch's package.json: the same from the sources and from the bundle,
 * whose files lie at different depths.
 */
export function packageRoot(): string {
  if (found !== undefined) return found;
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, "package.json"))) {
    const parent = dirname(dir);
    assert(parent !== dir, "no package.json above the program's own files");
    dir = parent;
  }
  found = dir;
  return dir;
}

/** Path of a program of this package that is run beside the daemon, e.g. `nvml-helper`: there once `npm run build` was run. */
export function builtProgram(name: string): string {
  return join(packageRoot(), "dist", `${name}.js`);
}
