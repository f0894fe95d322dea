import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";

/** What has come of an upload, while nobody takes it yet: little of it in memory, the rest in a file that only orch can read. */
export interface Spool {
  readonly bytes: number;
  /** @throws Failure request/too-large, state/unwritable */
  append(chunk: Buffer): Promise<void>;
  /** Everything, from the begin on. */
  read(): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

const MOST_IN_MEMORY = 64 * 1024;
const PIECE_BYTES = 256 * 1024;

/** An empty spool. */
export function createSpool(maxBytes: number): Spool {
  const memory: Buffer[] = [];
  let memoryBytes = 0;
  let fileBytes = 0;
  let file: Promise<FileHandle> | null = null;
  return {
    get bytes() {
      return memoryBytes + fileBytes;
    },
    async append(chunk) {
      if (memoryBytes + fileBytes + chunk.length > maxBytes)
        throw new Failure("request/too-large", `the upload is larger than ${formatBytes(maxBytes)}`, {
          hint: "gateway.maxUpload in config.yaml sets the limit",
        });
      if (file === null && memoryBytes + chunk.length <= MOST_IN_MEMORY) {
        memory.push(chunk);
        memoryBytes += chunk.length;
        return;
      }
      file ??= openNameless();
      await (await file).write(chunk, 0, chunk.length, fileBytes);
      fileBytes += chunk.length;
    },
    async *read() {
      yield* memory;
      for (let at = 0; at < fileBytes && file !== null; ) {
        const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, fileBytes - at));
        const { bytesRead } = await (await file).read(piece, 0, piece.length, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    },
    async close() {
      const handle = await file?.catch(() => null);
      await handle?.close();
    },
  };
}

/** A file whose name is gone as soon as it is open: nothing of it is left, however the daemon ends. */
async function openNameless(): Promise<FileHandle> {
  const dir = await mkdtemp(join(tmpdir(), "orch-upload-"));
  try {
    return await open(join(dir, "upload"), "wx+", 0o600);
  } catch (error) {
    throw new Failure("state/unwritable", "the upload cannot be kept", { cause: error });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
