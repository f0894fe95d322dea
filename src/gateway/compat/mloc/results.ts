import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { Caller } from "../../../protocol/operation.ts";
import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import { mimeTypeOf } from "../../../std/mime-type.ts";
import type { GatewayPort } from "../../port.ts";
import { readForm } from "../../read-form.ts";
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
  let isTaken = false;
  const { files } = await readForm(request, request.headers["content-type"], {
    keep({ field, name, bytes }) {
      if (field !== "file" || isTaken) return undefined;
      isTaken = true;
      // The name is not made plain: one with a path in it is refused.
      return port.tasks.keepFile(id, name, bytes, caller);
    },
  }).catch((error: unknown) => {
    const isOdd = error instanceof Failure && error.code === "request/malformed";
    throw isOdd ? invalid(`Invalid form: ${error.why ?? error.message}`) : error;
  });
  const [file] = files;
  if (file === undefined) throw invalid("Missing required field: file");
  return file.kept;
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
