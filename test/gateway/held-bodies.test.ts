import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createBodies } from "../../src/gateway/forward/bodies.ts";
import { toFailure } from "../../src/std/failure.ts";
import { type Answer, ask } from "./door.ts";

/** Bodies of 64 KiB and less are not counted together. */
const MOST_BYTES = 256 * 1024;

/** A server that keeps what it read until a request is over, as one does whose callers wait for a worker. */
let server: http.Server;
let url: string;
let waiting: AbortController[];
beforeEach(async () => {
  const bodies = createBodies(MOST_BYTES);
  waiting = [];
  server = http.createServer((request, response) => {
    const over = new AbortController();
    waiting.push(over);
    bodies.read(request, over.signal).then(
      (body) => response.end(String(body.length)),
      (error: unknown) => {
        const { code, httpStatus } = toFailure(error);
        response.writeHead(httpStatus, { connection: "close" }).end(JSON.stringify({ code }));
      },
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const send = (bytes: number): Promise<Answer> =>
  ask(url, { method: "POST", path: "/", body: "x".repeat(bytes) });

/** The same without a word of its length. @returns the status */
async function sendPieces(bytes: number): Promise<number> {
  const request = http.request(url, { method: "POST", agent: false });
  request.on("error", () => undefined);
  const answer = once(request, "response") as Promise<[http.IncomingMessage]>;
  request.write("x".repeat(bytes - 1));
  request.end("x");
  const [response] = await answer;
  response.resume();
  return response.statusCode ?? 0;
}

it("what waits may be so much together and no more; what is over makes room again", async () => {
  for (let count = 0; count < 16; count++)
    expect(await send(MOST_BYTES), String(count)).toMatchObject({ status: 200, text: String(MOST_BYTES) });
  expect(await send(MOST_BYTES)).toMatchObject({ status: 429, json: { code: "request/too-many" } });
  for (const over of waiting.slice(0, 3)) over.abort();
  for (let count = 0; count < 3; count++) expect((await send(MOST_BYTES)).status).toBe(200);
  expect((await send(MOST_BYTES)).status, "those that were refused hold nothing").toBe(429);
});

it("one body has its own limit, said or not", async () => {
  expect(await send(MOST_BYTES + 1)).toMatchObject({ status: 413, json: { code: "request/too-large" } });
  expect(await sendPieces(MOST_BYTES)).toBe(200);
  expect(await sendPieces(MOST_BYTES + 1)).toBe(413);
});

it("who goes in the middle of a body leaves nothing behind", async () => {
  const port = Number(new URL(url).port);
  for (let count = 0; count < 40; count++) {
    const head = { method: "POST", port, host: "127.0.0.1", headers: { "content-length": MOST_BYTES } };
    const request = http.request(head);
    request.on("error", () => undefined);
    const read = once(server, "request");
    await new Promise((resolve) => request.write("x".repeat(MOST_BYTES - 1), resolve));
    const [taken] = (await read) as [http.IncomingMessage];
    const closed = once(taken, "close").catch(() => undefined);
    request.destroy();
    await closed;
  }
  expect((await send(MOST_BYTES)).status).toBe(200);
});
