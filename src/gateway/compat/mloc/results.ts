import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy } from "@fastify/busboy";
import type { Caller } from "../../../protocol/operation.ts";
import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import { mimeTypeOf } from "../../../std/mime-type.ts";
import type { GatewayPort } from "../../port.ts";
import { isObject } from "../parse-object.ts";
import { readBytes, textOfBytes } from "../read-bytes.ts";

const MOST_RESULT_BYTES = 64 * 2 ** 20;

/** Keeps a result that is sent in; gives the path of its file. @throws Failure task/invalid */
export async function takeResult(
  port: GatewayPort,
  request: IncomingMessage,
  caller: Caller,
): Promise<string> {
  const text = textOfBytes(await readBytes(request, MOST_RESULT_BYTES));
  const body = parse(text);
  const { task_id: taskId, result = null, worker_id: workerId, metadata = {} } = body;
  if (typeof taskId !== "string" || taskId === "") throw invalid("Missing required field: task_id");
  if (!Object.hasOwn(body, "result")) throw invalid("Missing required field: result");
  const worker = typeof workerId === "string" ? workerId : null;
  return port.tasks.keepResult({ taskId, workerId: worker, metadata, result }, caller);
}

function parse(text: string): Readonly<Record<string, Json>> {
  try {
    const value = JSON.parse(text) as Json;
    if (isObject(value)) return value;
  } catch {
    // As for what is no object.
  }
  throw invalid("Invalid JSON: expected an object with task_id and result");
}

/**
 * Keeps the file of a form (field `file`) as it comes in.
 * @throws Failure task/invalid, request/too-large
 */
export async function takeFile(
  port: GatewayPort,
  id: string,
  request: IncomingMessage,
  caller: Caller,
): Promise<string> {
  const form = openForm(request);
  let kept: Promise<string> | undefined;
  let file: Readable | undefined;
  // An error that nobody listens to would end the daemon; pipeline stops to listen once it has failed.
  form.on("error", () => {});
  form.on("file", (field, stream, name) => {
    stream.on("error", () => {});
    if (field !== "file" || kept !== undefined) return void stream.resume();
    // The name is not made plain: one with a path in it is refused.
    file = stream;
    kept = port.tasks.keepFile(id, name ?? "", stream, caller);
    kept.catch(() => stream.resume());
  });
  await pipeline(request, form).catch(async (error: unknown) => {
    // What has come of the file is not kept.
    file?.destroy(new Error("the form was cut short"));
    await kept?.catch(() => undefined);
    throw invalid(`Invalid form: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (kept === undefined) throw invalid("Missing required field: file");
  return kept;
}

function openForm(request: IncomingMessage) {
  const { "content-type": type = "" } = request.headers;
  if (!/^multipart\/form-data\s*;/i.test(type))
    throw invalid("Invalid form: expected multipart/form-data with a field file");
  try {
    return new Busboy({
      headers: { ...request.headers, "content-type": type },
      preservePath: true,
      limits: { files: 1, fields: 20, fieldSize: 65_536, parts: 30, headerPairs: 100 },
    });
  } catch (error) {
    throw invalid(`Invalid form: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Sends the bytes of a file of a result. */
export async function sendFile(
  port: GatewayPort,
  response: ServerResponse,
  { id, name, caller }: { readonly id: string; readonly name: string; readonly caller: Caller },
): Promise<void> {
  const { stream, bytes } = await port.tasks.openFile(id, name, caller);
  response.writeHead(200, {
    "content-type": mimeTypeOf(name) ?? "application/octet-stream",
    "content-length": bytes,
    "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
  });
  await pipeline(stream, response);
}

function invalid(message: string): Failure {
  return new Failure("task/invalid", message);
}
