import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert } from "../std/assert.ts";

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
