import fs from "node:fs";
import { createMask, type Mask } from "../../log/mask.ts";
import { secretValues } from "../../log/secret-names.ts";
import type { Masks } from "../../operations/context.ts";
import type { Registry } from "../../runtime/discover.ts";
import { Failure } from "../../std/failure.ts";
import type { Queries } from "../../store/queries.ts";
import { readSecrets } from "../jobs/read-secrets.ts";

/** Knows the values that are hidden in whatever programs write. */
export interface SecretBook extends Masks {
  /** The secrets of a runtime for the environment of a worker. @throws Failure as readSecrets */
  forWorker(runtime: string, names: readonly string[]): Record<string, string>;
}

interface Parts {
  /** Folder that holds the secrets. */
  readonly dir: string;
  readonly runtimes: Pick<Registry, "get">;
  readonly queries: Pick<Queries, "environment">;
}

/** Masks are made anew once there are so many: jobs come and go. */
const MAX_MASKS = 256;

/**
 * Values that were given to workers once stay hidden as long as the daemon lives, also when their files say something else
 * by now: a worker that was started before still has them.
 */
export function createSecretBook({ dir, runtimes, queries }: Parts): SecretBook {
  const given = new Map<string, Set<string>>();
  const masks = new Map<string, Mask>();
  const remember = (runtime: string, values: readonly string[]): Set<string> => {
    const known = given.get(runtime) ?? new Set();
    for (const value of values) known.add(value);
    given.set(runtime, known);
    return known;
  };
  const maskOf = (values: Iterable<string>): Mask => {
    const sorted = [...values].sort();
    const key = JSON.stringify(sorted);
    const known = masks.get(key);
    if (known !== undefined) return known;
    if (masks.size >= MAX_MASKS) masks.clear();
    const mask = createMask(sorted);
    masks.set(key, mask);
    return mask;
  };
  const valuesOf = (runtime: string): Set<string> => remember(runtime, currentValues(dir, runtimes, runtime));
  return {
    forWorker(runtime, names) {
      const secrets = readSecrets(dir, names);
      remember(runtime, Object.values(secrets));
      return secrets;
    },
    ofRuntime: (name) => maskOf(valuesOf(name)),
    ofJob: ({ id, runtime }) =>
      runtime === "run" ? maskOf(secretValues(queries.environment(id) ?? {})) : maskOf(valuesOf(runtime)),
    ofAll: () => maskOf([...given.values()].flatMap((values) => [...values])),
  };
}

/**
 * What a worker started now would be given. Of a runtime that is gone or broken nobody knows any more which secrets its
 * workers have: then it is all of them. A secret that may not be read now adds nothing.
 */
function currentValues(dir: string, runtimes: Parts["runtimes"], name: string): string[] {
  return namesOf(dir, runtimes, name).flatMap((secret) => {
    try {
      return Object.values(readSecrets(dir, [secret]));
    } catch (error) {
      if (error instanceof Failure) return [];
      throw error;
    }
  });
}

function namesOf(dir: string, runtimes: Parts["runtimes"], name: string): readonly string[] {
  try {
    return runtimes.get(name).secrets;
  } catch (error) {
    if (error instanceof Failure) return fs.existsSync(dir) ? fs.readdirSync(dir) : [];
    throw error;
  }
}
