import { extname } from "node:path";
import type { InputFile } from "../../operations/context.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { mimeTypeOf } from "../../std/mime-type.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { readForm } from "../read-form.ts";
import { fileAddress } from "./prediction.ts";
import { originOf, sendJson } from "./send-json.ts";

const SHOWN = 100;
/** Of the form; the first of this name counts. */
const FIELD = "content";
const KEPT_MS = 7 * 86_400_000;

/** Takes a file of the caller's, for params of type file. */
export async function uploadFile({ request, response, caller }: Exchange, port: GatewayPort): Promise<void> {
  if ((request.headers["content-encoding"] ?? "identity") !== "identity")
    throw new Failure("request/malformed", "the body of the request is packed", { hint: "send it as it is" });
  let isTaken = false;
  const { files } = await readForm(request, request.headers["content-type"], {
    fileField: FIELD,
    keep(file) {
      if (file.field !== FIELD || isTaken) return undefined;
      isTaken = true;
      return port.inputFiles.put(caller.uid, file);
    },
  });
  const [file] = files;
  if (file === undefined)
    throw new Failure("request/malformed", "the form has no field content", {
      hint: "curl -F content=@FILE",
    });
  sendJson(response, 201, viewFile(file.kept, originOf(request)));
}

/** The newest of the caller's files. */
export async function listFiles({ request, response, caller }: Exchange, port: GatewayPort): Promise<void> {
  const files = await port.inputFiles.list(caller.uid);
  const results = files.slice(0, SHOWN).map((file) => viewFile(file, originOf(request)));
  sendJson(response, 200, { previous: null, next: null, results });
}

/** @throws Failure file/missing */
export async function showFile(
  { request, response, caller }: Exchange,
  port: GatewayPort,
  id: string,
): Promise<void> {
  const file = await port.inputFiles.find(caller.uid, id);
  if (file === null) throw noFile(id);
  sendJson(response, 200, viewFile(file, originOf(request)));
}

/** @throws Failure file/missing */
export async function removeFile(
  { response, caller }: Exchange,
  port: GatewayPort,
  id: string,
): Promise<void> {
  if (!(await port.inputFiles.remove(caller.uid, id))) throw noFile(id);
  response.writeHead(204).end();
}

function viewFile({ id, bytes, createdAtMs }: InputFile, origin: string): { readonly [field: string]: Json } {
  return {
    id,
    name: id,
    content_type: mimeTypeOf(id) ?? "application/octet-stream",
    size: bytes,
    etag: id,
    checksums: { sha256: id.slice(0, id.length - extname(id).length) },
    metadata: {},
    created_at: new Date(createdAtMs).toISOString(),
    expires_at: new Date(createdAtMs + KEPT_MS).toISOString(),
    urls: { get: fileAddress(origin, id) },
  };
}

function noFile(id: string): Failure {
  return new Failure("request/unknown-route", `there is no file ${JSON.stringify(id.slice(0, 100))}`, {
    why: "files are kept for seven days",
  });
}
