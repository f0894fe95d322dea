import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure } from "../../std/failure.ts";
import { packageRoot } from "../../std/package-root.ts";

const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** What runs this very orch: the interpreter and its file, both absolute. */
export function orchCommand(): readonly string[] {
  return [process.execPath, join(packageRoot(), "bin", "orch")];
}

/** The files that a daemon of this very orch is made of, as far as they are its own. */
export function orchFiles(): readonly string[] {
  const own = ["bin/code-cache.js", "dist/cli.cjs", "dist/cli.cjs.cache", "dist/daemon.cjs"];
  return [...orchCommand(), ...own.map((file) => join(packageRoot(), file))];
}

/**
 * Refuses to let root run what somebody else can change: files, and all folders above them, have to be root's and not open to
 * everybody.
 * @throws Failure permission/denied
 */
export function refuseForeignFiles(files: readonly string[]): void {
  const paths = new Set(files.flatMap(withFoldersAbove));
  for (const path of paths) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || found.isSymbolicLink()) continue;
    const isOpen = (found.mode & WRITABLE_BY_ALL) !== 0 && (found.mode & STICKY) === 0;
    if (found.uid === 0 && !isOpen) continue;
    throw new Failure("permission/denied", `a service of root cannot be run from ${path}`, {
      why:
        found.uid === 0
          ? "everybody may write to it"
          : `it belongs to uid ${found.uid}, who would be root by it`,
      hint: "install orch as root (sudo npm install -g), or: orch service install --user",
    });
  }
}

function withFoldersAbove(file: string): string[] {
  const above = dirname(file);
  return above === file ? [file] : [file, ...withFoldersAbove(above)];
}
