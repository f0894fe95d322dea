import { mkdirSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { JobView } from "../../protocol/views.ts";
import { errnoOf, Failure } from "../../std/failure.ts";

/**
 * Copies a job's files to `outDir/folder` and returns the copies' paths. Folders in a file's name are kept; a
 * name that leads out of the folder (it comes from the job) is cut to its last part.
 * @throws Failure file/unreadable
 */
export async function copyArtifacts(
  cwd: string,
  outDir: string,
  folder: string,
  artifacts: JobView["artifacts"],
): Promise<string[]> {
  const target = resolve(cwd, outDir, folder);
  const copies: string[] = [];
  for (const artifact of artifacts) {
    const wanted = resolve(target, artifact.name);
    const inside = relative(target, wanted);
    const copy = inside === "" || inside.startsWith("..") ? join(target, basename(artifact.path)) : wanted;
    try {
      mkdirSync(dirname(copy), { recursive: true });
      await copyFile(artifact.path, copy);
    } catch (error) {
      throw new Failure("file/unreadable", `cannot copy ${artifact.path} to ${copy}`, {
        why: errnoOf(error) ?? String(error),
        cause: error,
      });
    }
    copies.push(copy);
  }
  return copies;
}
