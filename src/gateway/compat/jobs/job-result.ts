import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { JobDetail } from "../../../protocol/views.ts";
import type { Json } from "../../../std/json.ts";
import { isObject } from "../parse-object.ts";
import { readResolution } from "./convert-params.ts";
import { knownApp } from "./known-apps.ts";

/** Files of a result travel within its JSON document: all of them together may be so long. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * The result of a job as the app's clients know it: its output, with pictures and sounds as base64 in it, and with what it was
 * asked for where clients expect that. No key in it is `status`: clients look for the job's own with text tools.
 */
export async function resultOf(
  app: string,
  job: Pick<JobDetail, "output" | "artifacts" | "params">,
): Promise<Json> {
  const output = await outputOf(job);
  const own = isObject(output) ? output : output === null ? {} : { output };
  return withoutStatus({ ...echoes(app, job.params), ...(await files(job.artifacts, own)), ...own });
}

/** An output that was too long is a file. */
async function outputOf({ output, artifacts }: Pick<JobDetail, "output" | "artifacts">): Promise<Json> {
  const file = artifacts.find(({ name }) => name === "output.json");
  if (output !== null || file === undefined) return output;
  const bytes = await readArtifact(file.path);
  return bytes === null ? null : (JSON.parse(bytes.toString("utf8")) as Json);
}

async function files(artifacts: JobDetail["artifacts"], own: object): Promise<Record<string, Json>> {
  const found: Record<string, Json> = {};
  let total = 0;
  for (const { name, type, bytes, path } of artifacts) {
    const kind = /^(image|audio|video)\//.exec(type ?? "")?.[1];
    const key = `${kind}_base64`;
    if (kind === undefined || key in own || key in found || total + bytes > MOST_BYTES) continue;
    const content = await readArtifact(path);
    if (content === null) throw new Error(`the file ${name} of the result cannot be read`);
    total += content.length;
    found[key] = content.toString("base64");
  }
  return found;
}

/** A worker made the file: it must not be a way to another one. Null when it is gone, or none. */
async function readArtifact(path: string): Promise<Buffer | null> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => null,
  );
  if (handle === null) return null;
  try {
    const stats = await handle.stat();
    return stats.isFile() && stats.size <= MOST_BYTES ? await handle.readFile() : null;
  } finally {
    await handle.close();
  }
}

function echoes(app: string, params: JobDetail["params"]): Record<string, Json> {
  const known = knownApp(app);
  const found: Record<string, Json> = {};
  for (const name of known?.echoed ?? []) {
    const value = [name, ...(known?.alsoCalled[name] ?? []), ...calledSo(known?.alsoCalled ?? {}, name)]
      .map((each) => params[each])
      .find((each) => each !== undefined);
    if (value !== undefined) found[name] = value;
  }
  return "resolution" in params ? { ...readResolution(params["resolution"]), ...found } : found;
}

function calledSo(alsoCalled: Readonly<Record<string, readonly string[]>>, name: string): string[] {
  return Object.keys(alsoCalled).filter((each) => alsoCalled[each]?.includes(name));
}

function withoutStatus(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => withoutStatus(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key === "status" ? "result_status" : key,
      withoutStatus(inner),
    ]),
  );
}
