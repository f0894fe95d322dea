import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../std/failure.ts";
import { mimeTypeOf } from "../std/mime-type.ts";
import type { Artifact } from "./protocol.ts";

/** What the SDK calls a file while it is being written. */
const UNFINISHED = ".saving-";

/**
 * The files of a job's output folder and of the folders in it, sorted by name ("images/0001.png"). Symbolic links,
 * sockets and devices are left out: what is listed here is later served, and a link may lead anywhere. A folder that
 * is not there has none.
 */
export async function listArtifacts(dir: string): Promise<readonly Artifact[]> {
  const found: Artifact[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readFolder(join(dir, folder))) {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      if (!entry.isFile() || entry.name.startsWith(UNFINISHED)) continue;
      const stat = await lstat(join(dir, name)).catch(() => null);
      if (stat?.isFile() === true) found.push({ name, bytes: stat.size, type: mimeTypeOf(name) });
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readFolder(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    // It was never made, or removed meanwhile.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw error;
  }
}
