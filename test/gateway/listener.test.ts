import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Limits, type Listener, listen } from "../../src/gateway/listener.ts";
import { until } from "../kit/until.ts";
import { hasOpenssl, makeCertificate } from "./certificate.ts";

// What takes half a minute with the usual limits.

const limits: Limits = {
  ...{ headerBytes: 1024, headersMs: 1_000, requestMs: 1_200, idleMs: 200, checkMs: 50, unreadMs: 300 },
  ...{ connections: 12, connectionsPerAddress: 5, leastBytesPerSecond: 10_000 },
};
const MEGABYTE = Buffer.alloc(2 ** 20, "x");

let listener: Listener;
let secure: Listener | null = null;
const dir = mkdtempSync(join(tmpdir(), "orch-listener-"));
/** What became of requests, as the server has it: "/endless?a" and whether it was whole. */
const over = new Map<string, boolean>();
beforeAll(async () => {
  const address = { host: "127.0.0.1", port: 0, isLoopback: true };
  const handle: Parameters<typeof listen>[2] = (request, response) => {
    const { url = "" } = request;
    request.resume();
    response.once("close", () => over.set(url, request.complete));
    if (!url.startsWith("/endless")) return void request.once("end", () => response.end("ok"));
    const more = (): void => void (response.destroyed || (response.write(MEGABYTE) ? more() : undefined));
    response.on("drain", more);
    more();
  };
  listener = await listen(address, null, handle, limits);
  if (!hasOpenssl) return;
  const files = makeCertificate(dir);
  const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  secure = await listen(address, tls, handle, limits);
});
afterAll(async () => {
  await Promise.all([listener.close(), secure?.close()]);
  rmSync(dir, { recursive: true });
});

function dial(from: string): Socket {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(listener.url).port), localAddress: from });
  socket.on("error", () => undefined);
  return socket;
}
const closeOf = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

test("who does not read what they asked for is cut off; who reads slowly is not", async () => {
  const stuck = dial("127.0.3.1");
  stuck.pause();
  stuck.write("GET /endless?stuck HTTP/1.1\r\nhost: x\r\n\r\n");
  const slow = dial("127.0.3.2");
  slow.write("GET /endless?slow HTTP/1.1\r\nhost: x\r\n\r\n");
  let readBytes = 0;
  slow.on("data", (chunk: Buffer) => {
    readBytes += chunk.length;
    slow.pause();
    setTimeout(() => slow.resume(), 5);
  });
  await until("the server has given up", () => over.has("/endless?stuck"), 5_000);
  expect(over.has("/endless?slow")).toBe(false);
  const before = readBytes;
  await until("it reads on", () => readBytes > before + 2 ** 20);
  slow.destroy();
  stuck.destroy();
});

test.skipIf(!hasOpenssl)("so it is over TLS (needs openssl)", async () => {
  const dialled = connectTls({ port: Number(new URL(secure?.url ?? "").port), rejectUnauthorized: false });
  dialled.on("error", () => undefined);
  await new Promise((resolve) => dialled.once("secureConnect", resolve));
  dialled.pause();
  dialled.write("GET /endless?secure HTTP/1.1\r\nhost: x\r\n\r\n");
  await until("the server has given up", () => over.has("/endless?secure"), 5_000);
  dialled.destroy();
  // One that never shakes hands is cut, too.
  const mute = connect({ host: "127.0.0.1", port: Number(new URL(secure?.url ?? "").port) });
  mute.on("error", () => undefined);
  mute.resume();
  await closeOf(mute);
});

test("a request that does not end is cut off, and so is a connection that is of no use", async () => {
  const half = dial("127.0.3.3");
  half.resume();
  half.write("POST /half HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
  const idle = dial("127.0.3.3");
  idle.resume();
  idle.write("GET /whole HTTP/1.1\r\nhost: x\r\n\r\n");
  await Promise.all([closeOf(half), closeOf(idle)]);
  expect([over.get("/half"), over.get("/whole")]).toEqual([false, true]);
});

test("a file that comes fast enough may take longer than other requests", async () => {
  const large = dial("127.0.3.7");
  const answer = new Promise((resolve) => large.once("data", (text) => resolve(String(text).slice(0, 15))));
  const startMs = performance.now();
  large.write("POST /large HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
  while (performance.now() - startMs < 2 * limits.requestMs) {
    large.write(`800\r\n${"x".repeat(2_048)}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  large.write("0\r\n\r\n");
  expect(await answer).toBe("HTTP/1.1 200 OK");
  large.destroy();
});

test("no address has more connections than it may, nor all of them together", async () => {
  const open = (sockets: Socket[]): number => sockets.filter(({ destroyed }) => !destroyed).length;
  const dialMany = (from: string): Socket[] =>
    Array.from({ length: 8 }, () => dial(from)).map((socket) => socket.resume());
  const one = dialMany("127.0.3.4");
  await until("it has not too many", () => open(one) <= 5);
  expect(open(one), "the others stay, until their deadline").toBe(5);
  const all = [...one, ...dialMany("127.0.3.5"), ...dialMany("127.0.3.6")];
  await until("there are not too many", () => open(all) <= 12);
  expect(open(all)).toBe(12);
  await until("all are cut at their deadline", () => open(all) === 0);
});
