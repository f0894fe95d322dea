import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { makePrivateDir } from "../../config/run-dir.ts";
import type { InputStream } from "../io.ts";

/**
 * Keeps what comes on stdin in a file of the cache folder, readable by this user only, and returns its path.
 * @throws Failure state/unwritable
 */
export async function spoolStdin(cacheDir: string, stdin: InputStream): Promise<string> {
  const dir = join(cacheDir, "stdin");
  makePrivateDir(dir);
  const path = join(dir, randomUUID());
  await pipeline(stdin, createWriteStream(path, { mode: 0o600 }));
  return path;
}

/** All of stdin as text. */
export function readStdin(stdin: InputStream): Promise<string> {
  return text(stdin);
}
