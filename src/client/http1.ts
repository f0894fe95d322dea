import type { Socket } from "node:net";

// Just enough of HTTP/1.1 (RFC 9112) for one exchange with the daemon over a connection of its own. node:http would do
// it too, but its start-up takes 4 to 7 ms of the 22 ms that `orch ls` may take over a bare Node.

/** The head of an answer, and its body as it comes. Ends with an error when the connection breaks before its end. */
export interface Answer {
  readonly status: number;
  readonly body: AsyncIterable<Buffer>;
}

/** What came is not HTTP: something else listens there. */
export class NotHttp extends Error {
  override readonly name = "NotHttp";
}

const HEAD_MAX_BYTES = 64 * 1024;
const HEAD_END = "\r\n\r\n";

/** Writes a request. The connection ends with the answer. */
export function writeRequest(socket: Socket, method: string, path: string, body: string | undefined): void {
  const head = [`${method} ${path} HTTP/1.1`, "host: orch", "accept: application/json", "connection: close"];
  if (body !== undefined)
    head.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  socket.write(`${head.join("\r\n")}${HEAD_END}${body ?? ""}`);
}

/** Reads the head of the answer. @throws NotHttp, or the error of the connection */
export async function readAnswer(socket: Socket): Promise<Answer> {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let seen: Buffer = Buffer.alloc(0);
  for (;;) {
    const end = seen.indexOf(HEAD_END);
    if (end !== -1)
      return parseHead(seen.toString("latin1", 0, end), createReader(seen.subarray(end + 4), chunks));
    if (seen.length > HEAD_MAX_BYTES || !looksLikeHttp(seen)) throw notHttp(seen);
    const { value, done } = await chunks.next();
    if (done === true) throw seen.length === 0 ? brokenOff() : notHttp(seen);
    seen = Buffer.concat([seen, value]);
  }
}

function looksLikeHttp(seen: Buffer): boolean {
  return "HTTP/1.1 ".startsWith(seen.toString("latin1", 0, 9));
}

function notHttp(seen: Buffer): NotHttp {
  return new NotHttp(`it sent ${JSON.stringify(seen.toString("latin1", 0, 40))}`);
}

function brokenOff(): Error {
  return Object.assign(new Error("the connection ended too early"), { code: "ECONNRESET" });
}

function parseHead(head: string, reader: Reader): Answer {
  const [line = "", ...fields] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]);
  if (!Number.isInteger(status)) throw new NotHttp(`it sent ${JSON.stringify(line.slice(0, 40))}`);
  const fieldOf = (name: string): string | undefined =>
    fields
      .find((field) => field.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const isChunked = fieldOf("transfer-encoding")?.toLowerCase() === "chunked";
  const bytes = Number(fieldOf("content-length") ?? 0);
  return { status, body: isChunked ? readChunks(reader) : readBytes(reader, bytes) };
}

/** Bytes of the connection, as many as asked for. */
interface Reader {
  /** The next bytes, at most `limit`. @throws Error when the connection ends */
  some(limit: number): Promise<Buffer>;
  /** Up to and without the next CRLF. */
  line(): Promise<string>;
}

function createReader(first: Buffer, chunks: AsyncIterator<Buffer>): Reader {
  let rest = first;
  const more = async (): Promise<void> => {
    const { value, done } = await chunks.next();
    if (done === true) throw brokenOff();
    rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
  };
  return {
    async some(limit) {
      while (rest.length === 0) await more();
      const taken = rest.subarray(0, limit);
      rest = rest.subarray(taken.length);
      return taken;
    },
    async line() {
      for (;;) {
        const end = rest.indexOf("\r\n");
        if (end !== -1) {
          const text = rest.toString("latin1", 0, end);
          rest = rest.subarray(end + 2);
          return text;
        }
        if (rest.length > HEAD_MAX_BYTES) throw new NotHttp("it sent a chunk without a length");
        await more();
      }
    },
  };
}

async function* readBytes(reader: Reader, bytes: number): AsyncGenerator<Buffer, void, undefined> {
  for (let left = bytes; left > 0; ) {
    const taken = await reader.some(left);
    left -= taken.length;
    yield taken;
  }
}

async function* readChunks(reader: Reader): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const text = await reader.line();
    const bytes = /^[0-9a-f]+$/i.test(text) ? Number.parseInt(text, 16) : Number.NaN;
    if (Number.isNaN(bytes)) throw new NotHttp("it sent a chunk without a length");
    if (bytes === 0) return;
    yield* readBytes(reader, bytes);
    await reader.line();
  }
}
