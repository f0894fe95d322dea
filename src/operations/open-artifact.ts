import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { OpenFile } from "../protocol/open-file.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";

/** A link may lead anywhere, and the folder may be another user's, who could put one there at any moment. */
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A pipe would keep the daemon waiting for who writes into it. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The artifacts of a job as they were listed at its end. */
export function artifactsOf(
  row: Pick<JobRow, "artifacts">,
): { name: string; bytes: number; type: string | null }[] {
  return Array.isArray(row.artifacts) ? (row.artifacts as ReturnType<typeof artifactsOf>) : [];
}

/**
 * Opens one of a job's artifacts, by its place in the list. Its folder is gone down step by step, each from the one before,
 * and no step is a link. The caller closes it.
 * @throws Failure artifact/unknown; file/missing: it was removed, or is no file any more
 */
export async function openArtifact(ctx: Context, row: JobRow, index: number): Promise<OpenFile> {
  const artifact = artifactsOf(row)[index];
  if (artifact === undefined)
    throw new Failure("artifact/unknown", `job ${row.id} has no artifact ${index}`, {
      why: `it has ${artifactsOf(row).length}`,
      hint: `orch show ${row.id}`,
    });
  const steps = artifact.name.split("/");
  if (steps.some((step) => step === "" || step === "." || step === "..")) throw gone(row, artifact.name);
  const handle = await openBelow(ctx.places.jobOutputDir(row.id), steps).catch((error: unknown) => {
    if (errnoOf(error) === undefined) throw error;
    throw gone(row, artifact.name);
  });
  const stats = await handle.stat();
  if (stats.isFile())
    return {
      handle,
      name: artifact.name,
      type: artifact.type,
      bytes: stats.size,
      changedAtMs: stats.mtimeMs,
    };
  await handle.close();
  throw gone(row, artifact.name);
}

async function openBelow(dir: string, steps: readonly string[]): Promise<FileHandle> {
  const [step = "", ...rest] = steps;
  const folder = await open(dir, FOLDER);
  try {
    // By way of the open folder: whatever becomes of its name, this is where the step begins.
    const next = join("/proc/self/fd", String(folder.fd));
    return rest.length === 0 ? await open(join(next, step), FILE) : await descend(next, step, rest);
  } finally {
    await folder.close();
  }
}

async function descend(at: string, step: string, rest: readonly string[]): Promise<FileHandle> {
  return openBelow(join(at, step), rest);
}

function gone(row: Pick<JobRow, "id">, name: string): Failure {
  return new Failure("file/missing", `the file ${name} of job ${row.id} is not there any more`, {
    why: "it was removed, or something else was put in its place",
    hint: `orch retry ${row.id}`,
  });
}
