import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { Context } from "../../operations/context.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { DaemonPlaces } from "../places.ts";

const run = promisify(execFile);

/**
 * What is done with the folders of finished jobs. By the system's own `du` and `rm`: what lies in these folders may belong to
 * other users, who could have any other walk led elsewhere by a link in its midst; those two follow none. Two thousand names are
 * far from what a command line takes.
 */
export function createJobFiles(places: Pick<DaemonPlaces, "jobDir">): Context["jobFiles"] {
  const foldersOf = (jobs: readonly number[]): string[] =>
    jobs.map((id) => places.jobDir(id)).filter((dir) => existsSync(dir));
  return {
    measure: (jobs) => bytesOnDisk(foldersOf(jobs)),
    async remove(jobs) {
      const folders = foldersOf(jobs);
      if (folders.length > 0) await attempt("rm", ["-rf", "--", ...folders]);
    },
  };
}

/** What folders take on disk. At most two thousand. @throws Failure state/unwritable */
export async function bytesOnDisk(folders: readonly string[]): Promise<number> {
  const there = folders.filter((dir) => existsSync(dir));
  if (there.length === 0) return 0;
  const text = await attempt("du", ["-s", "-B1", "--", ...there]);
  return text.split("\n").reduce((bytes, line) => bytes + (Number.parseInt(line, 10) || 0), 0);
}

async function attempt(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, [...args], { maxBuffer: 2 ** 24 })).stdout;
  } catch (error) {
    const said =
      error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n")[0] : "";
    throw new Failure("state/unwritable", "files of what is over cannot be looked at or removed", {
      why: said || (errnoOf(error) ?? String(error)),
    });
  }
}
