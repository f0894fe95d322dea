import fs from "node:fs/promises";
import { listParts, liveStart } from "./log-parts.ts";
import { createMaskStream, type Mask } from "./mask.ts";
import { readRange } from "./raw-log.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * Overwrites the values to be hidden in the file of a log itself, from an offset on. A program that appends meanwhile is not
 * disturbed: what is there already is written by nobody else.
 * @param from as far as it was looked through before
 * @returns where to go on once there is more: what may be the beginning of a value is looked at again
 * @throws the system's error
 */
export async function scrubLog(file: string, from: number, size: number, mask: Mask): Promise<number> {
  if (mask.isEmpty || from >= size) return Math.max(from, size);
  let done = Math.max(from, liveStart(await listParts(file)));
  const before = await readRange(file, Math.max(0, done - mask.reachBytes + 1), done);
  const stream = createMaskStream(mask, before);
  const handle = await fs.open(file, "r+");
  try {
    let kept: Buffer = Buffer.alloc(0);
    for (let at = done; at < size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const read = buffer.subarray(0, bytesRead);
      const hidden = stream.push(read, false);
      const raw = Buffer.concat([kept, read]);
      if (!hidden.equals(raw.subarray(0, hidden.length))) await handle.write(hidden, 0, hidden.length, done);
      done += hidden.length;
      kept = raw.subarray(hidden.length);
    }
    return done;
  } finally {
    await handle.close();
  }
}
