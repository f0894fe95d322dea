import { type Dirent, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Clock } from "../std/clock.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";
import { loadRuntime } from "./load.ts";
import type { Runtime } from "./runtime.ts";
import { runtimeNamePattern } from "./schema.ts";

/** A folder that holds one folder per runtime. */
export interface SearchDir {
  readonly origin: Runtime["origin"];
  readonly dir: string;
}

/** A runtime as found: usable, or broken with the reason. */
export type FoundRuntime =
  | {
      readonly name: string;
      readonly origin: Runtime["origin"];
      readonly dir: string;
      readonly runtime: Runtime;
    }
  | {
      readonly name: string;
      readonly origin: Runtime["origin"];
      readonly dir: string;
      readonly problem: Failure;
    };

/** The runtimes of this host. Reads files on demand; never holds on to a mistake. */
export interface Registry {
  /** Every runtime by name, in alphabetic order; of two with one name the earlier search folder wins. */
  list(): readonly FoundRuntime[];
  /**
   * The runtime of that name.
   * @throws Failure runtime/unknown, or runtime/invalid when its file is broken
   */
  get(name: string): Runtime;
}

/** How long a runtime that was found good is taken as it is, without a look at the disk. */
const trustMs = 500;

interface CacheEntry {
  readonly stamp: string;
  readonly found: FoundRuntime;
}

/**
 * Makes the registry over search folders, the first having precedence (project, user, system, shipped). A broken
 * runtime hides a good one of the same name further down: to run another program than the one asked for would be
 * worse than an error.
 */
export function createRegistry(dirs: readonly SearchDir[], clock: Clock): Registry {
  const files = new Map<string, CacheEntry>();
  const trusted = new Map<string, { readonly runtime: Runtime; readonly untilMs: number }>();

  const look = (place: SearchDir, name: string): FoundRuntime | null => {
    const dir = join(resolve(place.dir), name);
    const stamp = stampOf(join(dir, "runtime.yaml"));
    if (stamp === null) return null;
    const cached = files.get(dir);
    if (cached?.stamp === stamp && "runtime" in cached.found) return cached.found;
    const found = readFound(dir, name, place.origin);
    files.set(dir, { stamp, found });
    return found;
  };

  const find = (name: string): FoundRuntime | null => {
    for (const place of dirs) {
      const found = look(place, name);
      if (found !== null) return found;
    }
    return null;
  };

  const list = (): readonly FoundRuntime[] => {
    const listed = new Map<string, FoundRuntime>();
    for (const place of dirs) {
      for (const name of namesIn(place.dir)) {
        const found = listed.has(name) ? null : look(place, name);
        if (found !== null) listed.set(name, found);
      }
    }
    return [...listed.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  };

  const get = (name: string): Runtime => {
    const nowMs = clock.monotonicMs();
    const known = trusted.get(name);
    if (known && nowMs < known.untilMs) return known.runtime;
    trusted.delete(name);
    // The pattern also keeps "../x" from leaving the search folders.
    const found = runtimeNamePattern.test(name) ? find(name) : null;
    if (found === null) throw unknownRuntime(name, list());
    if ("problem" in found) throw found.problem;
    trusted.set(name, { runtime: found.runtime, untilMs: nowMs + trustMs });
    return found.runtime;
  };

  return { list, get };
}

function readFound(dir: string, name: string, origin: Runtime["origin"]): FoundRuntime {
  try {
    return { name, origin, dir, runtime: loadRuntime({ dir, origin }) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { name, origin, dir, problem: error };
  }
}

/** What tells one state of a file from another; null when there is none. One that may not be looked at is broken. */
function stampOf(file: string): string | null {
  try {
    const stats = statSync(file);
    return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return errno === "ENOENT" || errno === "ENOTDIR" ? null : errno;
  }
}

/** Folders (or links to folders) of a search folder; one that is not there has none. */
function namesIn(dir: string): readonly string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
}

function unknownRuntime(name: string, known: readonly FoundRuntime[]): Failure {
  const names = known.map((found) => found.name);
  const near = suggest(name, names);
  const shown = names.length === 0 ? "no runtime is installed" : `known are ${names.slice(0, 10).join(", ")}`;
  return new Failure("runtime/unknown", `there is no runtime "${name}"`, {
    why: near === undefined ? shown : `did you mean "${near}"?`,
    hint: "orch runtimes ls",
  });
}
