import { chmodSync, chownSync, lstatSync, mkdirSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Makes the folder of a socket that a group may reach: root's, mode 0750, of that group. One that is there gets the group
 * and the mode if it is root's own. Fails where somebody else could put another folder in its place.
 * @param gid the group
 * @throws Failure permission/denied, state/unwritable
 */
export function ensureSharedDir(dir: string, gid: number): void {
  refuseOpenParents(dir);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Failure("state/unwritable", `cannot make the folder ${dir}`, {
      why: errnoOf(error) ?? String(error),
      hint: "set ORCH_SOCKET to a path like /run/orch/orch.sock",
      cause: error,
    });
  }
  // Looked at before it is touched: chown and chmod follow links, and only root can replace it from here on.
  const found = lstatSync(dir);
  if (!found.isDirectory() || found.uid !== 0) throw unsafe(dir, flawOf(found));
  chownSync(dir, 0, gid);
  chmodSync(dir, 0o750);
}

/** Whoever can write a folder above can rename what is in it; with the sticky bit only what is their own. */
function refuseOpenParents(dir: string): void {
  for (let at = dirname(dir); ; at = dirname(at)) {
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found !== undefined) {
      const isDirectParent = at === dirname(dir);
      const isOpen =
        (found.mode & WRITABLE_BY_OTHERS) !== 0 && (isDirectParent || (found.mode & STICKY) === 0);
      if (!found.isDirectory() || found.uid !== 0) throw unsafe(at, flawOf(found));
      if (isOpen) throw unsafe(at, "others may write to it");
    }
    if (at === dirname(at)) return;
  }
}

function flawOf(found: Stats): string {
  if (found.isSymbolicLink()) return "it is a symbolic link";
  return found.isDirectory() ? `it belongs to uid ${found.uid}, not to root` : "it is not a folder";
}

function unsafe(dir: string, why: string): Failure {
  return new Failure("permission/denied", `a shared socket cannot lie below ${dir}`, {
    why,
    hint: "set ORCH_SOCKET to a path below a folder that is root's alone, e.g. /run/orch/orch.sock",
  });
}
