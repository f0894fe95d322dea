import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk extends Disposable {
  /** A folder on another disk. */
  readonly beside: string;
  /** Where it is mounted. */
  readonly path: string;
  /** Writes into `filler` until not one more byte fits. */
  fill(): void;
  /** Removes `filler`. */
  clear(): void;
}

/** A disk of its own, small enough to be filled; null where the system does not let us mount one. */
export function mountSmallDisk(mebibytes: number): SmallDisk | null {
  const beside = mkdtempSync(join(tmpdir(), "orch-disk-"));
  const path = join(beside, "disk");
  mkdirSync(path);
  const options = `size=${mebibytes}m,mode=700`;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], { stdio: "ignore" });
  } catch {
    rmSync(beside, { recursive: true, force: true });
    return null;
  }
  const filler = join(path, "filler");
  return {
    beside,
    path,
    fill() {
      for (let bytes = 2 ** 22; bytes >= 1; bytes = Math.floor(bytes / 2)) while (append(filler, bytes));
    },
    clear: () => rmSync(filler, { force: true }),
    [Symbol.dispose]() {
      execFileSync("umount", ["-l", path]);
      rmSync(beside, { recursive: true, force: true });
    },
  };
}

function append(file: string, bytes: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: "a" });
    return true;
  } catch {
    return false;
  }
}
