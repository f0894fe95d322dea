import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../std/clock.ts";
import { errnoOf } from "../../../std/failure.ts";

/** Where long values of parameters lie as files: a job's own params are short. */
export interface Spool {
  /**
   * Writes a file, unless one with the same content is there; gives its path.
   * @param extension with its dot, or empty
   */
  put(content: Buffer, extension: string): Promise<string>;
}

/** A job that has waited for longer, or is run again after that, finds its file no more. */
const KEPT_MS = 30 * 86_400_000;
const SWEEP_MS = 3_600_000;

/** @param dir asked for when it is needed; only the daemon's user may look into it */
export function createSpool(clock: Clock, dir: () => Promise<string>): Spool {
  let sweptMs = Number.NEGATIVE_INFINITY;
  return {
    async put(content, extension) {
      const folder = await dir();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (clock.monotonicMs() - sweptMs > SWEEP_MS) {
        sweptMs = clock.monotonicMs();
        await sweep(folder, clock.nowMs());
      }
      const path = join(folder, createHash("sha256").update(content).digest("hex") + extension);
      const nowS = clock.nowMs() / 1000;
      const isThere = await utimes(path, nowS, nowS).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
      const part = join(folder, `${randomUUID()}.part`);
      await writeFile(part, content, { mode: 0o600, flush: true });
      await rename(part, path);
      return path;
    },
  };
}

async function sweep(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    try {
      if (nowMs - (await stat(path)).mtimeMs > KEPT_MS) await rm(path, { force: true });
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}
