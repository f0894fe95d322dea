import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { readPointer, stepsOf } from "../../std/json-pointer.ts";
import { decodeBase64, parseDataUrl } from "../artifact-folder.ts";
import { fetchOwnFile } from "../own-file.ts";
import type { ArtifactRule, HttpTemplate } from "../service.ts";
import { readJson, readWhole, type ServiceConnection } from "../service-connection.ts";
import type { ServiceJob } from "../service-protocol.ts";

/**
 * Reads an answer as the template says: its files, its text for the log, and what of it is the job's output. Without
 * `output` that is the names of the files, or the whole answer when it holds none.
 * @throws Failure job/failed, LostTouch
 */
export async function readHttpAnswer(
  response: HttpTemplate["response"],
  answer: IncomingMessage,
  job: ServiceJob,
  connection: ServiceConnection,
): Promise<Json> {
  if (response.body === "binary") return saveBody(response.artifacts[0], answer, job);
  if (response.body === "text") {
    const text = (await readWhole(answer)).toString("utf8");
    job.onEvent({ type: "log", text });
    return { text };
  }
  const document = await readJson(answer);
  const saved: string[] = [];
  for (const rule of response.artifacts) saved.push(...(await saveFiles(rule, document, job, connection)));
  const text = response.text === null ? undefined : readPointer(document, response.text);
  if (typeof text === "string" && text !== "") job.onEvent({ type: "log", text });
  if (response.output !== null) return outputAt(document, response.output);
  return response.artifacts.length === 0 ? document : { files: saved };
}

async function saveBody(
  rule: ArtifactRule | undefined,
  answer: IncomingMessage,
  job: ServiceJob,
): Promise<Json> {
  const given = answer.headers["content-type"]?.split(";")[0] ?? null;
  const type = rule?.type ?? (given === "application/octet-stream" ? null : given);
  return { files: [await job.folder.saveStream(rule?.name ?? "output", answer, type)] };
}

function outputAt(document: Json, pointer: string): Json {
  const output = readPointer(document, pointer);
  if (output !== undefined) return output;
  throw new Failure("job/failed", `the server's answer has nothing at ${pointer}`);
}

/** Files are one text or a list of them; where nothing is, there is no file. */
async function saveFiles(
  rule: ArtifactRule,
  document: Json,
  job: ServiceJob,
  connection: ServiceConnection,
): Promise<string[]> {
  const found = readPointer(document, rule.at) ?? [];
  const saved: string[] = [];
  for (const value of isList(found) ? found : [found]) {
    if (value === null) continue;
    if (typeof value !== "string")
      throw new Failure("job/failed", `what the answer has at ${rule.at} is no text`);
    saved.push(await saveFile(rule, value, job, connection));
  }
  return saved;
}

async function saveFile(
  rule: ArtifactRule,
  value: string,
  { folder, signal }: ServiceJob,
  connection: ServiceConnection,
): Promise<string> {
  const name = rule.name ?? nameAfter(rule.at);
  switch (rule.encoding) {
    case "base64":
    case "dataUrl": {
      // Servers that send one often send the other with another version.
      const file = parseDataUrl(value);
      if (file === null && rule.encoding === "dataUrl") throw notData(rule.at);
      return folder.save(name, decodeBase64(file?.base64 ?? value, rule.at), rule.type ?? file?.type ?? null);
    }
    case "url": {
      const file = await fetchOwnFile(connection, value, signal);
      return folder.saveStream(rule.name ?? file.name, file.answer, rule.type);
    }
    case "none":
      return folder.save(name, Buffer.from(value), rule.type ?? "text/plain");
  }
}

/** "/images" gives "images", "/data/0/png" gives "png"; numbers say nothing. */
function nameAfter(pointer: string): string {
  return stepsOf(pointer).findLast((step) => step !== "" && !/^\d+$/.test(step)) ?? "output";
}

function notData(pointer: string): Failure {
  return new Failure("job/failed", `what the answer has at ${pointer} is no data URL with base64`);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
