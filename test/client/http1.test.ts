import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readAnswer } from "../../src/client/http1.ts";

const dir = mkdtempSync(join(tmpdir(), "orch-http1-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let servers = 0;

/** What comes of these pieces, each sent once the one before is on its way. */
async function answerTo(pieces: readonly string[]): Promise<{ status: number; body: string }> {
  servers += 1;
  const path = join(dir, `${servers}.sock`);
  const server = createServer((peer: Socket) => {
    peer.on("error", () => undefined);
    const send = (index: number): void => {
      const piece = pieces[index];
      if (piece === undefined) return void peer.end();
      peer.write(piece, () => setImmediate(() => send(index + 1)));
    };
    send(0);
  }).listen(path);
  await once(server, "listening");
  const socket = connect(path);
  socket.on("error", () => undefined);
  try {
    const answer = await readAnswer(socket);
    let body = "";
    for await (const chunk of answer.body) body += chunk.toString();
    return { status: answer.status, body };
  } finally {
    socket.destroy();
    server.close();
  }
}

const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"a":"bcd"}';
const chunked = 'HTTP/1.1 404 Not Found\r\nTRANSFER-ENCODING: chunked\r\n\r\n6\r\n{"a":"\r\nB;\r\n';

describe("an answer", () => {
  it("of known length is read to its length and not beyond", async () => {
    expect(await answerTo([`${sized}trailing`])).toEqual({ status: 200, body: '{"a":"bcd"}' });
  });

  it("may come byte by byte", async () => {
    expect(await answerTo([...sized])).toEqual({ status: 200, body: '{"a":"bcd"}' });
  });

  it("in chunks is put together, wherever the pieces break", async () => {
    const text =
      'HTTP/1.1 404 Not Found\r\nTRANSFER-ENCODING: chunked\r\n\r\n6\r\n{"a":"\r\n5\r\nbcd"}\r\n0\r\n\r\n';
    expect(await answerTo([...text])).toEqual({ status: 404, body: '{"a":"bcd"}' });
    expect(await answerTo([text])).toEqual({ status: 404, body: '{"a":"bcd"}' });
  });

  it.each([
    ["nothing", [], "ended too early"],
    ["half a head", ["HTTP/1.1 200 O"], "it sent"],
    ["half a body", [sized.slice(0, -3)], "ended too early"],
    [
      "chunks without the last",
      ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"],
      "ended too early",
    ],
    ["a chunk without a length", [chunked.replace("6\r\n", "six\r\n")], "without a length"],
    ["another protocol", ["SSH-2.0-OpenSSH_9.2\r\n"], "it sent"],
    ["an endless head", [`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(20_000)}`], "it sent"],
  ])("that is %s is refused", async (_what, pieces, message) => {
    await expect(answerTo(pieces)).rejects.toThrow(message);
  });
});
