import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { build, type Options } from "tsup";
import { inject } from "vitest";
import tsupConfig from "../../tsup.config.ts";
import { until } from "./until.ts";

const repository = join(import.meta.dirname, "../..");
const BUILD_DEADLINE_MS = 60_000;

declare module "vitest" {
  export interface ProvidedContext {
    /** Where `sharedOrch` builds orch, once for all test files of a run: made by one-build.ts. */
    readonly buildDir: string;
  }
}

/** A change of one place in the sources: `find` has to be there exactly once. */
export interface Mutation {
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A package of its own, built from the sources as they are now, that nobody else builds over. */
export interface BuiltOrch {
  /** Path of its `bin/orch`. */
  readonly bin: string;
  [Symbol.dispose](): void;
}

/** Builds orch as `npm run build` does, into a temporary package, with the mutations put in. */
export async function buildOrch(mutations: readonly Mutation[] = []): Promise<BuiltOrch> {
  const root = mkdtempSync(join(tmpdir(), "orch-built-"));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  try {
    await buildInto(root, mutations);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    bin: join(root, "bin", "orch"),
    [Symbol.dispose]: remove,
  };
}

/**
 * Path of a `bin/orch` as the sources are now, with the code cache of a real build: built once in a run of tests, by whoever
 * asks first, and removed at its end (one-build.ts). Others run it at the same time: whoever changes files of it builds one.
 */
export async function sharedOrch(): Promise<string> {
  const root = join(inject("buildDir"), "orch");
  await until("orch is built", async () => existsSync(root) || (await buildAlone(root)), BUILD_DEADLINE_MS);
  return join(root, "bin", "orch");
}

/** Builds into `root`, which is there once it is whole. @returns false where another process is about it already */
async function buildAlone(root: string): Promise<boolean> {
  const unfinished = `${root}-unfinished`;
  try {
    mkdirSync(unfinished);
  } catch {
    return false;
  }
  try {
    // Whoever was about it has just done it.
    if (existsSync(root)) return true;
    await buildInto(unfinished, []);
    const writesCache = [join(repository, "scripts/cache-cli.mjs"), join(unfinished, "dist")];
    await promisify(execFile)(process.execPath, writesCache);
    renameSync(unfinished, root);
    return true;
  } finally {
    // Where it failed the next who asks tries again, and fails with the reason.
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function buildInto(root: string, mutations: readonly Mutation[]): Promise<void> {
  for (const name of ["bin", "completions", "runtimes", "package.json"]) {
    cpSync(join(repository, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(repository, "node_modules"), join(root, "node_modules"));
  const applied = new Set<Mutation>();
  for (const part of [tsupConfig].flat() as Options[]) {
    await build({
      ...part,
      config: false,
      silent: true,
      sourcemap: false,
      // Folders to be cleaned, and what is done after a build, are meant for the repository.
      clean: false,
      onSuccess: () => Promise.resolve(),
      outDir: join(root, "dist"),
      esbuildPlugins: [mutationPlugin(mutations, applied), ...(part.esbuildPlugins ?? [])],
    });
  }
  for (const mutation of mutations) {
    if (!applied.has(mutation)) throw new Error(`${mutation.file} is not part of the build`);
  }
}

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

function mutationPlugin(mutations: readonly Mutation[], applied: Set<Mutation>): Plugin {
  return {
    name: "mutations",
    setup(bundler) {
      bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        const file = relative(repository, path);
        const wanted = mutations.filter((mutation) => mutation.file === file);
        if (wanted.length === 0) return null;
        const contents = wanted.reduce(mutate, readFileSync(path, "utf8"));
        for (const mutation of wanted) applied.add(mutation);
        return { contents, loader: "ts" };
      });
    },
  };
}

/** The text with the mutation put in. @throws Error when the place is not there exactly once. */
export function mutate(text: string, { file, find, replace }: Mutation): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`${file} has ${times} times, not once: ${find}`);
  return text.replace(find, () => replace);
}
