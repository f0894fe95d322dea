import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { spoolDirs } from "../../config/paths.ts";
import { makePrivateDir } from "../../config/run-dir.ts";
import { formatBytes } from "../../std/bytes.ts";
import { extensionOf } from "../../std/mime-type.ts";
import { sniffType } from "../../std/sniff-type.ts";
import type { Context } from "../context.ts";
import type { InputStream } from "../io.ts";
import { fetchFile } from "./fetch-file.ts";

/**
 * Keeps what comes on stdin in a file of the cache folder, readable by this user only, and returns its path. It gets the
 * extension of what its first bytes look like, since params tell types by that.
 * @throws Failure state/unwritable
 */
export async function spoolStdin(cacheDir: string, stdin: InputStream): Promise<string> {
  const { stdin: dir } = spoolDirs(cacheDir);
  makePrivateDir(dir);
  const path = join(dir, randomUUID());
  await pipeline(stdin, createWriteStream(path, { mode: 0o600 }));
  const type = sniffType(await headOf(path));
  const extension = type === null ? null : extensionOf(type);
  if (extension === null) return path;
  await rename(path, path + extension);
  return path + extension;
}

/** Fetches a file into the cache folder, with its progress on a terminal. @throws as `fetchFile` */
export async function spoolAddress({ paths, out, signal }: Context, address: string): Promise<string> {
  const { fetched: dir } = spoolDirs(paths().cacheDir);
  makePrivateDir(dir);
  const of = (totalBytes: number | null): string =>
    totalBytes === null ? "" : ` of ${formatBytes(totalBytes)}`;
  try {
    return await fetchFile(address, {
      dir: join(dir, randomUUID()),
      signal,
      onBytes: (bytes, totalBytes) => out.progress(`fetched ${formatBytes(bytes)}${of(totalBytes)}`),
    });
  } finally {
    out.progress(null);
  }
}

/** All of stdin as text. */
export function readStdin(stdin: InputStream): Promise<string> {
  return text(stdin);
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
