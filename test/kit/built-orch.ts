import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { build, type Options } from "tsup";
import { afterAll } from "vitest";
import tsupConfig from "../../tsup.config.ts";

const repository = join(import.meta.dirname, "../..");

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

let shared: Promise<BuiltOrch> | undefined;
// Declared when the file is imported, so it runs after the hooks that end what runs from here.
afterAll(async () => {
  (await shared)?.[Symbol.dispose]();
  shared = undefined;
});

/** Path of `bin/orch` as the sources are now: built once per test file, and removed at its end. */
export async function sharedOrch(): Promise<string> {
  shared ??= buildOrch();
  return (await shared).bin;
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
