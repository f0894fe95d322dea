import { constants, lstatSync, mkdirSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { JobView } from "../../protocol/views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";

export interface CopyTarget {
  readonly cwd: string;
  readonly outDir: string;
  /** Folder within `outDir`, "" for none. */
  readonly folder: string;
  /** Files that are there already are replaced. */
  readonly force: boolean;
}

export interface Copies {
  readonly files: readonly string[];
  /** Of the files that were left where they are, why. */
  readonly failures: readonly Failure[];
}

/**
 * Copies a job's files to `outDir/folder`. Folders in a file's name are kept; a name that leads out of the folder (it comes
 * from the job) is cut to its last part. What cannot be copied does not keep the others from it.
 */
export async function copyArtifacts(to: CopyTarget, artifacts: JobView["artifacts"]): Promise<Copies> {
  const files: string[] = [];
  const failures: Failure[] = [];
  for (const artifact of artifacts) {
    const copy = placeOf(to, artifact);
    try {
      await copyOne(artifact.path, copy, to.force);
      files.push(copy);
    } catch (error) {
      failures.push(notCopied(artifact.path, copy, error));
    }
  }
  return { files, failures };
}

/** Makes the folder before anything is waited for. @throws Failure file/unreadable */
export function prepareOutDir(cwd: string, outDir: string): void {
  try {
    mkdirSync(resolve(cwd, outDir), { recursive: true });
  } catch (error) {
    throw new Failure("file/unreadable", `--out ${outDir}: the folder cannot be made`, {
      why: errnoOf(error) ?? String(error),
    });
  }
}

function placeOf({ cwd, outDir, folder }: CopyTarget, { name, path }: JobView["artifacts"][number]): string {
  const target = resolve(cwd, outDir, folder);
  const wanted = resolve(target, name);
  const inside = relative(target, wanted);
  const leadsOut = inside === "" || inside === ".." || inside.startsWith("../");
  return leadsOut ? join(target, basename(path)) : wanted;
}

/** A link that the job left would have somebody else's file copied; one at the target would be written through. */
async function copyOne(path: string, copy: string, force: boolean): Promise<void> {
  if (!lstatSync(path).isFile()) throw new Error("it is not a regular file");
  mkdirSync(dirname(copy), { recursive: true });
  if (force) rmSync(copy, { force: true });
  await copyFile(path, copy, constants.COPYFILE_EXCL);
}

function notCopied(path: string, copy: string, error: unknown): Failure {
  if (errnoOf(error) === "EEXIST") {
    return new Failure("file/exists", `${copy} is there already`, {
      why: "what is there is replaced only with --force",
      hint: `cp ${path} ${copy}`,
    });
  }
  return new Failure("file/unreadable", `cannot copy ${path} to ${copy}`, {
    why: errnoOf(error) ?? (error instanceof Error ? error.message : String(error)),
    cause: error,
  });
}
