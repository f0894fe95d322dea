import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const simDir = join(import.meta.dirname, "../../src/sim");
const schedulerDir = join(import.meta.dirname, "../../src/scheduler");

/** A change of the one place in a file of the scheduler that reads `find`. */
export interface Mutation {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * Bundles a file of the simulator, with `bug` planted in the scheduler's source. The source itself stays as it is.
 * @returns the path of the bundle, `outfile`
 * @throws Error when the place is not there exactly once
 */
export async function bundleSimulator(
  entry: string,
  outfile: string,
  bug: Mutation | null = null,
): Promise<string> {
  const target = bug === null ? "" : join(schedulerDir, bug.file);
  const plant = (path: string): string => {
    const source = readFileSync(path, "utf8");
    if (bug === null || path !== target) return source;
    const times = source.split(bug.find).length - 1;
    if (times !== 1) throw new Error(`${bug.file} has ${times} times, not once: ${bug.find}`);
    // A function, since "$" means something in a replacement text.
    return source.replace(bug.find, () => bug.replace);
  };
  await build({
    entryPoints: [join(simDir, entry)],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "silent",
    plugins: [
      {
        name: "plant",
        setup(bundler) {
          // The bundle lies where no packages are.
          bundler.onLoad({ filter: /\/src\/std\/load-later\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, "utf8").replace("import.meta.url", JSON.stringify(path)),
            loader: "ts",
          }));
          bundler.onLoad({ filter: /\/src\/scheduler\/[a-z-]+\.ts$/ }, ({ path }) => ({
            contents: plant(path),
            loader: "ts",
          }));
        },
      },
    ],
  });
  return outfile;
}
