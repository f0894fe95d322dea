import type { Json } from "../../std/json.ts";
import { type ArtifactFolder, decodeBase64, parseDataUrl } from "../artifact-folder.ts";

/** Deep enough for any real output. */
const MAX_DEPTH = 64;

/**
 * The output of a prediction with its files saved: each stands as a data URL in it and is replaced by the name that
 * the file got, which is the last key on the way to it.
 * @throws Failure job/failed for base64 that is none
 */
export function saveFilesIn(output: Json, folder: ArtifactFolder): Promise<Json> {
  return replaceFiles(output, "output", folder, 0);
}

async function replaceFiles(value: Json, name: string, folder: ArtifactFolder, depth: number): Promise<Json> {
  if (typeof value === "string") {
    const file = parseDataUrl(value);
    return file === null ? value : folder.save(name, decodeBase64(file.base64, name), file.type);
  }
  if (typeof value !== "object" || value === null || depth === MAX_DEPTH) return value;
  if (isList(value)) {
    const items: Json[] = [];
    for (const item of value) items.push(await replaceFiles(item, name, folder, depth + 1));
    return items;
  }
  const entries: [string, Json][] = [];
  for (const [key, item] of Object.entries(value)) {
    entries.push([key, await replaceFiles(item, key, folder, depth + 1)]);
  }
  return Object.fromEntries(entries);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
