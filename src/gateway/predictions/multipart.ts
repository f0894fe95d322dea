import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";

/** The first file in a form. */
export interface UploadedPart {
  readonly name: string;
  readonly type: string | null;
  /** To be read before anything else of the request. */
  readonly bytes: AsyncIterable<Buffer>;
}

const MAX_HEADER_BYTES = 16_384;
const MAX_BEFORE_BYTES = 65_536;

/**
 * Finds the field `content` of a multipart/form-data body (RFC 7578) and hands it out as it comes; what follows it is not read.
 * @throws Failure request/malformed
 */
export async function readUpload(request: IncomingMessage): Promise<UploadedPart> {
  const boundary = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(
    request.headers["content-type"] ?? "",
  );
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) throw malformed("it is not multipart/form-data with a boundary");
  const chunks = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const delimiter = Buffer.from(`\r\n--${mark}`);
  // The first one may have no line before it.
  let rest: Buffer = Buffer.from("\r\n");
  let skipped = 0;
  const more = async (): Promise<void> => {
    const { value, done } = await chunks.next().catch(() => ({ value: undefined, done: true }));
    if (done === true || value === undefined) throw malformed("it ends before the field content");
    rest = Buffer.concat([rest, value]);
  };
  for (;;) {
    const at = rest.indexOf(delimiter);
    if (at === -1) {
      skipped += Math.max(0, rest.length - delimiter.length);
      if (skipped > MAX_BEFORE_BYTES) throw malformed("the field content has to come first");
      rest = rest.subarray(Math.max(0, rest.length - delimiter.length));
      await more();
      continue;
    }
    rest = rest.subarray(at + delimiter.length);
    let end = rest.indexOf("\r\n\r\n");
    while (end === -1) {
      if (rest.length > MAX_HEADER_BYTES || rest.subarray(0, 2).toString() === "--")
        throw malformed("there is no field content");
      await more();
      end = rest.indexOf("\r\n\r\n");
    }
    const header = rest.subarray(0, end).toString();
    rest = rest.subarray(end + 2);
    const found = partOf(header);
    if (found === null) continue;
    return { ...found, bytes: untilDelimiter(rest.subarray(2), chunks, delimiter) };
  }
}

function partOf(header: string): { name: string; type: string | null } | null {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(header)?.[1] ?? "";
  if (!/(?:^|;)\s*name="content"/i.test(disposition)) return null;
  const name = /(?:^|;)\s*filename="([^"]*)"/i.exec(disposition)?.[1] ?? "";
  return { name, type: /^content-type:\s*([^\r\n;]+)/im.exec(header)?.[1]?.trim() ?? null };
}

async function* untilDelimiter(
  first: Buffer,
  chunks: AsyncIterator<Buffer>,
  delimiter: Buffer,
): AsyncGenerator<Buffer> {
  let held = first;
  for (;;) {
    const at = held.indexOf(delimiter);
    if (at !== -1) {
      if (at > 0) yield held.subarray(0, at);
      return;
    }
    // The end of it may be the beginning of a delimiter.
    const sure = Math.max(0, held.length - delimiter.length + 1);
    if (sure > 0) yield held.subarray(0, sure);
    const { value, done } = await chunks.next().catch(() => ({ value: undefined, done: true }));
    if (done === true || value === undefined) throw malformed("it breaks off in the field content");
    held = Buffer.concat([held.subarray(sure), value]);
  }
}

function malformed(why: string): Failure {
  return new Failure("request/malformed", "the body of the request is no form with a file in it", {
    why,
    hint: "curl -F content=@FILE",
  });
}
