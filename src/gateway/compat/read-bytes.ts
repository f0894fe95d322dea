import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";

/**
 * The body of a request as it came. @param mostBytes more is refused
 * @throws Failure request/too-large, request/malformed
 */
export async function readBytes(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  if ((request.headers["content-encoding"] ?? "identity") !== "identity")
    throw new Failure("request/malformed", "the body of the request is packed", { hint: "send it as it is" });
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request) {
    total += (chunk as Buffer).length;
    if (total > mostBytes)
      throw new Failure("request/too-large", `the body has more than ${mostBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Text of a body. @throws Failure request/malformed when it is no UTF-8 */
export function textOfBytes(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Failure("request/malformed", "the body is no UTF-8 text");
  }
}
