import { existsSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { linesOf } from "../../src/client/lines.ts";
import { encodeRequest } from "../../src/client/request.ts";
import { Failure } from "../../src/std/failure.ts";
import { logLine } from "../cli/sample-views.ts";
import { listen, serveAnswers, tempDir } from "./socket-server.ts";

async function collect<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe("encodeRequest", () => {
  it("fills the path, and puts the rest of a GET into the query", () => {
    expect(encodeRequest("GET /jobs/:job/logs", { job: 5, follow: true, tail: undefined }).path).toBe(
      "/api/v1/jobs/5/logs?follow=true",
    );
    expect(encodeRequest("GET /jobs", { states: ["held", "queued"] }).path).toBe(
      "/api/v1/jobs?states=held%2Cqueued",
    );
  });

  it("puts the rest of a POST into the body, nulls included, and escapes the path", () => {
    expect(encodeRequest("POST /workers/:worker/pin", { worker: "a/b c", pinned: null })).toEqual({
      method: "POST",
      path: "/api/v1/workers/a%2Fb%20c/pin",
      body: '{"pinned":null}',
    });
  });

  it("takes a missing name of the path for a bug", () => {
    expect(() => encodeRequest("GET /jobs/:job", {})).toThrow(/lacks job/);
  });
});

describe("linesOf", () => {
  it("does not care where the chunks break, even within a character", async () => {
    const bytes = Buffer.from('{"a":"ü→🦊"}\n\n{"b":1}\nlast');
    for (let size = 1; size <= bytes.length; size++) {
      const lines = await collect(linesOf(cut(bytes, size)));
      expect(lines).toEqual(['{"a":"ü→🦊"}', '{"b":1}', "last"]);
    }
  });
});

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe("call", () => {
  it("gives the answer, and sends what it was given", async () => {
    await using server = await serveAnswers({
      "POST /shutdown": (input) => ({ pid: input.mode === "drain" ? 7 : 0 }),
    });
    expect(await createClient(server.socket).call("POST /shutdown", { mode: "drain" })).toEqual({ pid: 7 });
    expect(server.seen).toEqual([{ route: "POST /shutdown", input: { mode: "drain" } }]);
  });

  it("throws the daemon's failure with its hint", async () => {
    await using server = await serveAnswers({
      "GET /jobs/:job": () => {
        throw new Failure("job/unknown", "there is no job 5", { hint: "orch ls -a" });
      },
    });
    await expect(createClient(server.socket).call("GET /jobs/:job", { job: 5 })).rejects.toMatchObject({
      code: "job/unknown",
      message: "there is no job 5",
      hint: "orch ls -a",
    });
  });

  it("says so when nothing listens, whether the socket is missing or stale", async () => {
    using temp = tempDir();
    const missing = createClient(join(temp.path, "none.sock"));
    await expect(missing.call("GET /hello", {})).rejects.toMatchObject({
      code: "daemon/unreachable",
      hint: "orch up",
    });
    const stale = join(temp.path, "file.sock");
    writeFileSync(stale, "");
    await expect(createClient(stale).call("GET /hello", {})).rejects.toMatchObject({
      code: "daemon/unreachable",
    });
  });

  it.each([
    ["an error page", 404, "<html>", /not the orch daemon/],
    ["text instead of JSON", 200, "hello", /does not speak orch's API/],
  ])("is not fooled by another server: %s", async (_name, status, text, message) => {
    await using server = await listen((_request, response) => {
      response.writeHead(status);
      response.end(text);
    });
    await expect(createClient(server.socket).call("GET /hello", {})).rejects.toMatchObject({
      code: "daemon/unreachable",
      message: expect.stringMatching(message),
    });
  });

  it("notices a daemon that dies before and within its answer", async () => {
    await using before = await listen((request) => request.socket.destroy());
    await expect(createClient(before.socket).call("GET /hello", {})).rejects.toMatchObject({
      code: "daemon/unreachable",
    });
    await using within = await listen((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"pid"', () => response.destroy());
    });
    await expect(createClient(within.socket).call("GET /hello", {})).rejects.toMatchObject({
      code: "daemon/unreachable",
      message: expect.stringMatching(/broke the connection/),
    });
  });

  it("gives up on a daemon that hangs", async () => {
    await using server = await listen(() => {});
    const call = createClient(server.socket).call("GET /hello", {}, { timeoutMs: 30 });
    await expect(call).rejects.toMatchObject({
      code: "daemon/unreachable",
      message: expect.stringMatching(/did not answer/),
    });
  });
});

describe("stream", () => {
  it("gives lines while the stream is still open", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using server = await serveAnswers({
      async *"GET /jobs/:job/logs"() {
        yield logLine("one\n");
        await gate;
        yield logLine("two\n");
      },
    });
    const texts: string[] = [];
    for await (const { text } of createClient(server.socket).stream("GET /jobs/:job/logs", { job: 1 })) {
      texts.push(text);
      // Were lines held back until the end, this would never be reached.
      release();
    }
    expect(texts).toEqual(["one\n", "two\n"]);
  });

  it("turns an error line into a failure, after the lines before it", async () => {
    await using server = await serveAnswers({
      *"GET /events"() {
        yield {
          seq: 1,
          at: "2026-01-01T00:00:00Z",
          type: "x",
          job: null,
          correlation: null,
          worker: null,
          gpu: null,
          text: "",
        };
        throw new Failure("daemon/stopping", "the daemon is stopping");
      },
    });
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const event of createClient(server.socket).stream("GET /events", {})) seen.push(event.seq);
    };
    await expect(read()).rejects.toMatchObject({ code: "daemon/stopping" });
    expect(seen).toEqual([1]);
  });

  it("throws a failure that comes instead of the stream", async () => {
    await using server = await serveAnswers({
      "GET /jobs/:job/logs": () => {
        throw new Failure("job/unknown", "there is no job 9");
      },
    });
    const lines = createClient(server.socket).stream("GET /jobs/:job/logs", { job: 9 });
    await expect(collect(lines)).rejects.toMatchObject({ code: "job/unknown" });
  });

  it("notices a daemon that dies in the midst of the stream", async () => {
    await using server = await listen((_request, response) => {
      response.writeHead(200);
      response.write('{"text":"a"}\n{"te', () => response.destroy());
    });
    const seen: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const line of createClient(server.socket).stream("GET /jobs/:job/logs", { job: 1 }))
        seen.push(line);
    };
    await expect(read()).rejects.toMatchObject({ code: "daemon/unreachable" });
    expect(seen).toEqual([{ text: "a" }]);
  });

  it("ends quietly when it is aborted, before or within", async () => {
    await using server = await endless();
    const client = createClient(server.socket);
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const line of client.stream("GET /jobs/:job/logs", { job: 1 }, { signal: stop.signal })) {
      seen.push(line);
      stop.abort();
    }
    expect(seen).toHaveLength(1);
    expect(await collect(client.stream("GET /jobs/:job/logs", { job: 1 }, { signal: stop.signal }))).toEqual(
      [],
    );
  });

  it("hangs up when its reader stops early", async () => {
    await using server = await endless();
    const gone = new Promise<void>((resolve) => {
      server.server.once("request", (_request, response) => response.once("close", () => resolve()));
    });
    for await (const _ of createClient(server.socket).stream("GET /jobs/:job/logs", { job: 1 })) break;
    await gone;
    expect(await connections(server.server)).toBe(0);
  });
});

/** A server whose stream never ends by itself. */
function endless() {
  return listen((_request, response) => {
    response.writeHead(200);
    response.write('{"text":"a"}\n');
  });
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

it("removes its temp folders", async () => {
  const server = await listen(() => {});
  await server[Symbol.asyncDispose]();
  expect(existsSync(server.dir)).toBe(false);
});
