import { realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isWebAddress } from "./check-file.ts";
import type { Runtime } from "./runtime.ts";

/** The queue a job waits in: all jobs of a lane can be served by the same worker. */
export interface Lane {
  /** Equal for jobs that one worker can serve, and only for those; stable across restarts. */
  readonly key: string;
  /** The key for people: file names without folders and versions. Not unique. */
  readonly display: string;
  /** The load params, as the worker gets them. Files by their real path. */
  readonly load: Readonly<Record<string, Json>>;
}

/**
 * The lane of a job: its runtime and its load params. A file counts as real path, inode, size and time of change,
 * so a worker that read the model before it was trained anew does not serve jobs that came after. (A file changed
 * between this look and the worker's start is read in its newer form, by jobs of the older lane.)
 * @param params as checkParams returned them
 * @throws Failure file/missing when a load file is gone, file/unreadable when it cannot be looked at
 */
export function laneOf(runtime: Runtime, params: Readonly<Record<string, Json>>): Lane {
  const names = Object.keys(runtime.params).filter(
    (name) => runtime.params[name]?.load && Object.hasOwn(params, name),
  );
  const parts = names.toSorted().map((name) => {
    const value = params[name] ?? null;
    const isFile = runtime.params[name]?.type === "file" && typeof value === "string" && !isWebAddress(value);
    return { name, ...(isFile ? describeFile(name, value) : describePlain(value)) };
  });
  const load = Object.fromEntries(parts.map((part) => [part.name, part.value]));
  if (parts.length === 0) return { key: runtime.name, display: runtime.name, load };
  const join = (texts: readonly string[]): string => `${runtime.name}?${texts.join("&")}`;
  return {
    key: join(parts.map((part) => `${part.name}=${part.identity}`)),
    display: join(parts.map((part) => `${part.name}=${part.label}`)),
    load,
  };
}

interface LanePart {
  readonly value: Json;
  readonly identity: string;
  readonly label: string;
}

function describePlain(value: Json): LanePart {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { value, identity: encode(text), label: text.length > 40 ? `${text.slice(0, 39)}…` : text };
}

function describeFile(name: string, path: string): LanePart {
  try {
    const real = realpathSync(path);
    const stats = statSync(real, { bigint: true });
    const version = `${stats.ino}-${stats.size}-${stats.mtimeNs}`;
    return { value: real, identity: `${encode(real)}@${version}`, label: basename(path) };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const isGone = errno === "ENOENT" || errno === "ENOTDIR";
    throw new Failure(isGone ? "file/missing" : "file/unreadable", `param "${name}": cannot open "${path}"`, {
      why: isGone ? "the file is no longer there" : errno,
      hint: `ls -l "${path}"`,
    });
  }
}

/** Like encodeURIComponent, which throws on text with half a surrogate pair; slashes stay readable. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()).replaceAll("%2F", "/");
}
