import type { IncomingMessage } from "node:http";
import type { SentFile } from "../../protocol/sent-file.ts";
import { Failure } from "../../std/failure.ts";

/** The file in the body of a request. Its name may be percent-encoded: headers have no room for other letters. */
export function sentFile(request: IncomingMessage): SentFile {
  const { headers } = request;
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw new Failure("request/malformed", "the body of the request is packed", { hint: "send it as it is" });
  const type = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? null;
  if (type === "multipart/form-data")
    throw new Failure("request/malformed", "the body of the request is a form, not the file alone", {
      hint: "curl --data-binary @FILE -H 'x-orch-filename: FILE'",
    });
  const name = nameOf(String(headers["x-orch-filename"] ?? ""));
  const length = headers["content-length"];
  const saidBytes = length === undefined ? undefined : Number(length);
  return { name, type, saidBytes, bytes: piecesOf(request) };
}

function nameOf(given: string): string {
  const name = decoded(given);
  if (name.length <= 255 && !/\p{Cc}/u.test(name)) return name;
  throw new Failure("request/malformed", "the header x-orch-filename is no name of a file", {
    why: "expected up to 255 characters, none of them a control character",
  });
}

function decoded(given: string): string {
  try {
    return decodeURIComponent(given);
  } catch {
    return given;
  }
}

async function* piecesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request as AsyncIterable<Buffer>;
  } catch (error) {
    throw new Failure("request/malformed", "the file broke off", { cause: error });
  }
}
