import { chmodSync, existsSync, lstatSync, mkdirSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Paths } from "./paths.ts";

/** As a daemon of root makes it for a group: nobody else can have put a socket there. See shared-dir.ts. */
const SHARED_MODE = 0o750;

/**
 * Refuses a socket folder that somebody else could have laid there for us: it must be a real folder, ours, and
 * closed to everybody else, or be root's for a group. A missing one is fine: then nothing listens. One chosen by
 * ORCH_SOCKET is not checked.
 * @throws Failure permission/denied
 */
export function verifyRunDir(paths: Paths, uid: number): void {
  if (paths.socketChosen) return;
  const stats = lstatSync(paths.runDir, { throwIfNoEntry: false });
  const isShared = stats?.isDirectory() === true && stats.uid === 0 && (stats.mode & 0o7777) === SHARED_MODE;
  if (stats === undefined || isShared) return;
  refuseFlaw(paths, stats, uid);
}

function refuseFlaw(paths: Paths, stats: Stats, uid: number): void {
  const flaw = flawOf(stats, uid);
  if (flaw === undefined) return;
  throw new Failure("permission/denied", `the socket folder ${paths.runDir} is not safe to use`, {
    why: flaw.why,
    hint: flaw.mendable
      ? `chmod 700 ${paths.runDir}`
      : "set ORCH_HOME or XDG_RUNTIME_DIR to a folder of your own",
  });
}

/**
 * Makes the socket folder with mode 0700, or verifies the one that is there.
 * @throws Failure permission/denied, state/unwritable
 */
export function ensureRunDir(paths: Paths, uid: number): void {
  if (paths.socketChosen) return;
  makePrivateDir(paths.runDir);
  refuseFlaw(paths, lstatSync(paths.runDir), uid);
}

/**
 * Makes a folder and what is missing above it, closed to everybody else; leaves one that is there as it is.
 * @throws Failure state/unwritable
 */
export function makePrivateDir(dir: string): void {
  try {
    // The mode of mkdir is cut by the umask, so an odd umask must not leave the new folder unusable.
    const first = makeFirstMissing(dir);
    if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined || first === dir)
      chmodSync(dir, 0o700);
  } catch (error) {
    throw new Failure("state/unwritable", `cannot make the folder ${dir}`, {
      why: reasonOf(dir, error),
      hint: "set ORCH_HOME to a folder you can write to",
      cause: error,
    });
  }
}

/**
 * Makes the topmost folder that is missing, and gives its path if it was this call that made it. Where the folder above
 * answers ENOENT, as /proc does and homes that are mounted on demand, a recursive mkdir of Node tries for ever.
 */
function makeFirstMissing(dir: string): string | undefined {
  if (existsSync(dir)) return undefined;
  const above = dirname(dir);
  if (!existsSync(above)) return makeFirstMissing(above);
  try {
    mkdirSync(dir, { mode: 0o700 });
    return dir;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw error;
  }
}

/** Of a folder on a disk that is read-only, a recursive mkdir says that it is not there. */
function reasonOf(dir: string, error: unknown): string {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (plain) {
    if (errnoOf(plain) === "EROFS") return "EROFS";
  }
  return errnoOf(error) ?? String(error);
}

function flawOf(stats: Stats, uid: number): { why: string; mendable: boolean } | undefined {
  if (stats.isSymbolicLink()) return { why: "it is a symbolic link", mendable: false };
  if (!stats.isDirectory()) return { why: "it is not a folder", mendable: false };
  if (stats.uid !== uid) return { why: `it belongs to uid ${stats.uid}, not to ${uid}`, mendable: false };
  if ((stats.mode & 0o077) === 0) return undefined;
  const mode = (stats.mode & 0o777).toString(8);
  return { why: `its mode is ${mode}: others can get in`, mendable: true };
}
