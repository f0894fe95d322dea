import { createHash, randomUUID } from "node:crypto";
import { lstatSync, utimesSync } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import type { InputFile, InputFiles } from "../../operations/context.ts";
import { formatBytes } from "../../std/bytes.ts";
import type { Clock } from "../../std/clock.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { extensionOf } from "../../std/mime-type.ts";
import type { SafeFetch } from "../../std/safe-fetch/safe-fetch.ts";
import { createAtOnce } from "./at-once.ts";
import { readDataUrl } from "./data-url.ts";

interface Parts {
  /** Folder of all of them; it need not be there. */
  readonly dir: string;
  readonly fetch: SafeFetch;
  readonly clock: Clock;
  /** Programs that read them run as other users. */
  readonly servesMany: boolean;
}

const MAX_FILE_BYTES = 512 * 2 ** 20;
/** Of one user. */
const MAX_TOTAL_BYTES = 20 * 2 ** 30;
const MAX_FILES = 10_000;
const MOST_AT_ONCE = 16;
/** From the look-up of a name to the last byte: 512 MiB at 5 MB/s. */
const FETCH_TIMEOUT_MS = 110_000;

/** What is left to the daemon itself, and after how much it is looked at again. */
const FREE_BYTES = 512 * 2 ** 20;
const CHECK_BYTES = 16 * 2 ** 20;

const ID = /^[0-9a-f]{64}(\.[a-z0-9]{1,8})?$/;

/** Files are named by what is in them: what is given twice is there once. */
export function createInputFiles({ dir, fetch, clock, servesMany }: Parts): InputFiles {
  const dirOf = (uid: number): string => path.join(dir, String(uid));
  const view = async (uid: number, id: string): Promise<InputFile | null> => {
    const file = path.join(dirOf(uid), id);
    const stats = ID.test(id) ? await fs.lstat(file).catch(() => null) : null;
    return stats?.isFile() === true
      ? { id, path: file, bytes: stats.size, createdAtMs: stats.mtimeMs }
      : null;
  };
  const list = async (uid: number): Promise<InputFile[]> => {
    const names = await fs.readdir(dirOf(uid)).catch(() => []);
    const files: InputFile[] = [];
    for (const name of names) {
      const file = await view(uid, name);
      if (file !== null) files.push(file);
    }
    return files.sort((left, right) => right.createdAtMs - left.createdAtMs);
  };
  const atOnce = createAtOnce(MOST_AT_ONCE);
  const store: InputFiles["put"] = async (uid, given) => {
    // Nobody has to send all of what is too long.
    if ((given.saidBytes ?? 0) > MAX_FILE_BYTES) throw tooLarge();
    for (const each of [dir, dirOf(uid)]) {
      await fs.mkdir(each, { recursive: true, mode: 0o700 });
      if (servesMany) await fs.chmod(each, 0o711);
    }
    const part = path.join(dirOf(uid), `.${randomUUID()}.part`);
    try {
      const digest = await write(part, given.bytes, servesMany ? 0o644 : 0o600);
      const id = `${digest}${extensionFor(given.name, given.type)}`;
      await fs.rename(part, path.join(dirOf(uid), id));
      await syncFolder(dirOf(uid));
      const made = await view(uid, id);
      if (made !== null) return made;
      throw new Failure("file/unreadable", "the file was removed while it was stored");
    } catch (error) {
      await fs.rm(part, { force: true });
      throw errnoOf(error) === "ENOSPC"
        ? new Failure("store/full", "the disk is full", { hint: "df -h; orch prune", cause: error })
        : error;
    }
  };
  const take = async (uid: number, open: () => Source | Promise<Source>): Promise<InputFile> =>
    atOnce(uid, async () => {
      refuseHoard(await list(uid));
      return store(uid, await open());
    });
  return {
    put: (uid, file) => take(uid, () => file),
    list,
    isOwn: (uid, file) => path.dirname(file) === dirOf(uid) && ID.test(path.basename(file)),
    pathOf: (uid, id) => pathOf(dirOf(uid), id, clock.nowMs()),
    take: (uid, from) => take(uid, () => openSource(fetch, from)),
    async find(uid, id) {
      const file = await view(uid, id);
      // Who names it means to use it: it stays for another while.
      if (file !== null) await fs.utimes(file.path, clock.nowMs() / 1000, clock.nowMs() / 1000);
      return file;
    },
    async remove(uid, id) {
      const file = await view(uid, id);
      if (file !== null) await fs.rm(file.path, { force: true });
      return file !== null;
    },
  };
}

/** Of a file that is there and is used now. */
function pathOf(dir: string, id: string, nowMs: number): string | null {
  const file = path.join(dir, id);
  if (!ID.test(id) || lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return null;
  utimesSync(file, nowMs / 1000, nowMs / 1000);
  return file;
}

type Source = Parameters<InputFiles["put"]>[1];

async function openSource(fetch: SafeFetch, from: Parameters<InputFiles["take"]>[1]): Promise<Source> {
  const { what, value, signal } = from;
  if (/^data:/i.test(value)) return readDataUrl(value, what);
  const answer = await fetch({
    ...{ url: value, what, method: "GET", signal },
    ...{ timeoutMs: FETCH_TIMEOUT_MS, maxBytes: MAX_FILE_BYTES },
  });
  const { status } = answer;
  if (status !== 200) {
    answer.drop();
    throw new Failure("file/unreadable", `${what}: the address was answered with ${status}`, {
      why: status >= 300 && status < 400 ? "redirects are not followed" : undefined,
    });
  }
  const { pathname } = new URL(value);
  return { name: pathname, type: answer.headers["content-type"] ?? null, bytes: answer.body };
}

function refuseHoard(files: readonly InputFile[]): void {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes < MAX_TOTAL_BYTES && files.length < MAX_FILES) return;
  throw new Failure("quota/refused", "there are too many files of this user already", {
    why: `it may be ${MAX_FILES} of 20 GiB together; each is kept for seven days`,
    hint: "remove some: DELETE /replicate/v1/files/ID",
  });
}

/** Files of callers are not to take the room that the database and the logs need. @throws Failure store/full */
async function refuseFullDisk(file: string): Promise<void> {
  const { bavail, bsize } = await fs.statfs(path.dirname(file));
  if (bavail * bsize >= FREE_BYTES) return;
  throw new Failure("store/full", "the disk has no room for files of callers", {
    why: `less than ${FREE_BYTES / 2 ** 20} MiB of it are free`,
    hint: "df -h; orch prune",
  });
}

function tooLarge(): Failure {
  return new Failure("request/too-large", `the file is larger than ${formatBytes(MAX_FILE_BYTES)}`, {
    hint: "put it on the host that runs orch, and submit it there",
  });
}

/** @returns the digest of what was written, which is on disk then */
async function write(file: string, chunks: AsyncIterable<Buffer>, mode: number): Promise<string> {
  const hash = createHash("sha256");
  const handle = await fs.open(file, "wx", mode);
  try {
    let bytes = 0;
    let checkedAt = 0;
    await refuseFullDisk(file);
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes - checkedAt > CHECK_BYTES) {
        checkedAt = bytes;
        await refuseFullDisk(file);
      }
      if (bytes > MAX_FILE_BYTES) throw tooLarge();
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return hash.digest("hex");
}

/** So that the name is on disk, too, before a job is that needs it. */
async function syncFolder(dir: string): Promise<void> {
  const handle = await fs.open(dir);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a runtime accepts goes by the extension. */
function extensionFor(name: string, type: string | null): string {
  const own = path.extname(name).toLowerCase();
  if (/^\.[a-z0-9]{1,8}$/.test(own)) return own;
  return type === null ? "" : (extensionOf(type) ?? "");
}
