import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import type { StoredResult } from "../../operations/task-book.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { ExpectedFile } from "../../tasks/job-wishes.ts";
import { bytesOnDisk } from "../jobs/job-files.ts";

/** A gigabyte: models go elsewhere. */
const MOST_FILE_BYTES = 2 ** 30;
/** A results document is read into memory. */
const MOST_RESULT_BYTES = 256 * 2 ** 20;
const MOST_FILES = 10_000;
/** Paths of one command line. */
const MEASURED_AT_ONCE = 1_000;

/** The files of results, below one folder: `<folder>/responses.json`, `manifest.json`, `logs/`, `artifacts/`. */
export interface ResultsFolder {
  /** @throws Failure state/unwritable */
  save(folder: string, stored: StoredResult): Promise<string>;
  /** Null when there is none. */
  read(folder: string): Promise<StoredResult | null>;
  /** Takes a stream to its end as `artifacts/name` or `logs/name`. @throws Failure task/invalid, request/too-large */
  add(
    folder: string,
    below: "artifacts" | "logs",
    name: string,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<string>;
  /** @throws Failure task/invalid, task/unknown */
  open(folder: string, name: string): Promise<{ stream: Readable; bytes: number }>;
  /** What all of them take on disk. @throws Failure state/unwritable */
  measure(folders: readonly string[]): Promise<number>;
  /** Removes all that is there. */
  remove(folder: string): Promise<void>;
  /** Names of the artifacts that are there. */
  artifacts(folder: string): Promise<string[]>;
  /** Writes down what is there, and what is missing of what was expected. */
  writeManifest(folder: string, expected: readonly ExpectedFile[]): Promise<void>;
}

/** @param root absolute; made when it is needed, for the daemon's user alone */
export function createResultsFolder(root: string): ResultsFolder {
  const dirOf = async (folder: string, below = ""): Promise<string> => {
    const dir = path.join(root, folder, below);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const [real, realRoot] = await Promise.all([realpath(dir), realpath(root)]);
    // A link that somebody put there leads nowhere.
    if (real !== realRoot && !real.startsWith(`${realRoot}${path.sep}`))
      throw new Failure("state/unwritable", `${dir} leads out of the folder of results`);
    return dir;
  };
  return {
    async save(folder, stored) {
      const file = path.join(await dirOf(folder), "responses.json");
      await writeWhole(file, `${JSON.stringify(stored)}\n`);
      return file;
    },
    async read(folder) {
      const handle = await openPlain(path.join(root, folder, "responses.json"));
      if (handle === null) return null;
      try {
        const { size } = await handle.stat();
        if (size > MOST_RESULT_BYTES)
          throw new Failure("request/too-large", "the result is too large to be read");
        return JSON.parse(await handle.readFile("utf8")) as StoredResult;
      } finally {
        await handle.close();
      }
    },
    async add(folder, below, name, bytes) {
      refuseName(name);
      const file = path.join(await dirOf(folder, below), name);
      await writeStream(file, bytes);
      return file;
    },
    async open(folder, name) {
      refuseName(name);
      const inside = ["responses.json", "manifest.json"].includes(name) ? name : path.join("artifacts", name);
      const file = path.join(root, folder, inside);
      const handle = await openPlain(file);
      if (handle === null)
        throw new Failure("task/unknown", "artifact not found", { why: `there is no ${name}` });
      const { size } = await handle.stat();
      return { stream: handle.createReadStream(), bytes: size };
    },
    measure: (folders) => measureAll(folders.map((folder) => path.join(root, folder))),
    remove: (folder) => rm(path.join(root, folder), { recursive: true, force: true }),
    artifacts: (folder) => namesIn(path.join(root, folder, "artifacts")),
    async writeManifest(folder, expected) {
      const dir = await dirOf(folder);
      await Promise.all(["logs", "artifacts"].map((below) => dirOf(folder, below)));
      const present = await describeAll(dir);
      const wanted = new Map(expected.map((each) => [bare(each.name), each]));
      const entries = present.map((entry) => {
        const asked = wanted.get(entry.name);
        return { ...entry, type: asked?.type ?? entry.type, required: asked?.required ?? false };
      });
      const missing = expected
        .filter(({ name }) => !isThere(bare(name), present))
        .map(({ name, type, required }) => ({
          ...{ name: bare(name), path: null, type, required, status: "missing" },
          ...{ updated_at: null, size: null, sha256: null },
        }));
      await writeWhole(path.join(dir, "manifest.json"), `${JSON.stringify([...entries, ...missing])}\n`);
    },
  };
}

async function measureAll(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (let from = 0; from < paths.length; from += MEASURED_AT_ONCE)
    bytes += await bytesOnDisk(paths.slice(from, from + MEASURED_AT_ONCE));
  return bytes;
}

/** @throws Failure task/invalid unless it is the plain name of a file */
export function refuseName(name: string): void {
  const isPlain = /^[^/\\]{1,200}$/.test(name) && !name.startsWith(".") && ![...name].some(isControl);
  if (isPlain && Buffer.byteLength(name) <= 250) return;
  throw new Failure("task/invalid", "invalid filename", { why: "it is one name, without slashes" });
}

function isControl(letter: string): boolean {
  return letter < " " || letter === "\u007f";
}

/** Expected files are named by where they would be. */
function bare(name: string): string {
  return path.posix.basename(name.replace(/\/+$/, ""));
}

type Described = Readonly<Record<"name" | "path" | "status" | "updated_at" | "sha256", string>> & {
  readonly type: string;
  readonly size: number;
};

function isThere(name: string, present: readonly Described[]): boolean {
  return (
    name === "manifest.json" ||
    name === "logs" ||
    name === "artifacts" ||
    present.some((each) => each.name === name)
  );
}

async function describeAll(dir: string): Promise<Described[]> {
  const [artifacts, logs] = await Promise.all(
    ["artifacts", "logs"].map((below) => namesIn(path.join(dir, below))),
  );
  const files = [
    ["responses.json", "result"],
    ...(artifacts ?? []).map((name) => [`artifacts/${name}`, "artifact"]),
    ...(logs ?? []).map((name) => [`logs/${name}`, "log"]),
  ];
  const described: Described[] = [];
  for (const [inside = "", type = ""] of files) {
    const found = await describe(dir, inside, type);
    if (found !== null) described.push(found);
  }
  return described;
}

async function describe(dir: string, inside: string, type: string): Promise<Described | null> {
  const handle = await openPlain(path.join(dir, inside));
  if (handle === null) return null;
  const { size, mtime } = await handle.stat();
  const hash = createHash("sha256");
  for await (const chunk of handle.createReadStream()) hash.update(chunk as Buffer);
  return {
    ...{ name: path.basename(inside), path: inside, type, status: "present", size },
    updated_at: mtime.toISOString(),
    sha256: hash.digest("hex"),
  };
}

async function namesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort()
    .slice(0, MOST_FILES);
}

/** A plain file, never through a link; null when there is none. */
async function openPlain(file: string): Promise<FileHandle | null> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return null;
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR", "ENXIO"].includes(errnoOf(error) ?? "")) return null;
    throw error;
  }
}

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

function writeWhole(file: string, text: string): Promise<void> {
  return writeStream(file, once(text));
}

/** Beside it first, then in its place: nobody reads half a file, and a link there is replaced, not followed. */
async function writeStream(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const part = path.join(path.dirname(file), `.${randomUUID()}.part`);
  const handle = await open(
    part,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    let total = 0;
    for await (const chunk of bytes) {
      total += chunk.length;
      if (total > MOST_FILE_BYTES)
        throw new Failure("request/too-large", `a file of a result has at most ${MOST_FILE_BYTES} bytes`);
      await handle.write(chunk);
    }
    await handle.sync();
    await handle.close();
    await rename(part, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(part, { force: true });
    throw error;
  }
}

/** The bytes of a plain file, never through a link; nothing when there is none. */
export async function* bytesOf(file: string): AsyncIterable<Uint8Array> {
  const handle = await openPlain(file);
  if (handle !== null) yield* handle.createReadStream();
}

/** The folder of a task's result below the root, from what its document says. @throws Failure task/invalid */
export function folderFor(taskId: string, given: string | null): string {
  const steps = (given ?? "")
    .replace(/^\.\//, "")
    .split("/")
    .filter((step) => step !== "");
  const isInside =
    !(given ?? "").startsWith("/") && steps.every((step) => /^(?!\.)[A-Za-z0-9._@ -]{1,100}$/.test(step));
  if (isInside && steps.length <= 16) return path.join(...steps, taskId);
  throw new Failure(
    "task/invalid",
    "Invalid field spec.output.destination.path: it is below the folder of results",
    {
      why: `${JSON.stringify(given)} leads elsewhere, or is no plain path`,
    },
  );
}
