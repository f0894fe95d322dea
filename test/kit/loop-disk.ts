import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An ext4 of its own on a loop device: a disk that can fail as real ones do. */
export interface LoopDisk extends Disposable {
  /** Where it is mounted. */
  readonly path: string;
  /** What ext4 does by itself when the disk under it fails: from now on nothing can be written, open files included. */
  failReadOnly(): void;
  /** Unmounts, checks and mounts it anew. Nobody may use it meanwhile. */
  repair(): void;
}

/** A disk of this size; null where the system does not let us make or mount one. */
export function mountLoopDisk(mebibytes: number): LoopDisk | null {
  const beside = mkdtempSync(join(tmpdir(), "orch-loop-"));
  const [image, path] = [join(beside, "image"), join(beside, "disk")];
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: "ignore" });
  const mount = () => run("mount", "-o", "loop", image, path);
  mkdirSync(path);
  writeFileSync(image, "");
  truncateSync(image, mebibytes * 2 ** 20);
  try {
    run("mkfs.ext4", "-q", "-F", image);
    mount();
  } catch {
    rmSync(beside, { recursive: true, force: true });
    return null;
  }
  return {
    path,
    failReadOnly: () => run("mount", "-o", "remount,abort", path),
    repair() {
      run("umount", path);
      // 1 = there was something to mend, and it is mended.
      run("sh", "-c", 'e2fsck -fy "$1" || [ $? = 1 ]', "sh", image);
      mount();
    },
    [Symbol.dispose]() {
      run("umount", "-l", path);
      rmSync(beside, { recursive: true, force: true });
    },
  };
}
