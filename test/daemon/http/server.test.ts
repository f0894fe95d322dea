import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { loadPeerCredentials } from "../../../src/daemon/http/peer-credentials.ts";
import { operation, streamOperation } from "../../../src/operations/operation.ts";
import { Failure } from "../../../src/std/failure.ts";
import { startChild } from "../../kit/child.ts";
import { until } from "../../kit/until.ts";
import { send, serve } from "../serve.ts";

const None = z.object({}).strict();
const whoami = operation({
  route: "GET /whoami",
  summary: "the caller",
  who: "all",
  input: None,
  output: z.any(),
  run: async (_ctx, _input, caller) => caller,
});

function streamOf(run: (signal: AbortSignal) => AsyncIterable<unknown>) {
  return streamOperation({
    route: "GET /stream",
    summary: "lines",
    who: "all",
    input: None,
    output: z.any(),
    run: (_ctx, _input, _caller, signal) => run(signal),
  });
}

describe("an answer", () => {
  test("is one JSON document", async () => {
    await using served = await serve([whoami]);
    const answer = await send(served.socket, "GET", "/api/v1/whoami");
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(Number(answer.headers["content-length"])).toBe(Buffer.byteLength(answer.text));
    expect(answer.text.endsWith("\n")).toBe(true);
  });

  test("to a bug is a 500 that says so, and the log has its cause", async () => {
    const broken = operation({
      route: "GET /broken",
      summary: "fails",
      who: "all",
      input: None,
      output: z.any(),
      run: async () => {
        throw new TypeError("planted");
      },
    });
    await using served = await serve([broken]);
    const answer = await send(served.socket, "GET", "/api/v1/broken");
    expect(answer.status).toBe(500);
    expect(answer.code).toBe("bug");
    expect(served.logged.join("")).toContain("planted");
  });
});

describe("a stream", () => {
  test("sends its lines as they come", async () => {
    let goOn = (): void => {};
    const waits = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await using served = await serve([
      streamOf(async function* () {
        yield { n: 1 };
        await waits;
        yield { n: 2 };
      }),
    ]);
    const lines: string[] = [];
    const ended = new Promise<void>((resolve) => {
      http.get({ socketPath: served.socket, path: "/api/v1/stream", agent: false }, (response) => {
        expect(response.headers["content-type"]).toBe("application/x-ndjson");
        response.on("data", (chunk: Buffer) => void lines.push(...chunk.toString().trim().split("\n")));
        response.on("end", resolve);
      });
    });
    await until("the first line is there, before the second is made", () => lines.length === 1);
    goOn();
    await ended;
    expect(lines).toEqual(['{"n":1}', '{"n":2}']);
  });

  test("that fails before its first line has a status, after it a last line", async () => {
    const failure = new Failure("job/unknown", "there is no job 5");
    await using early = await serve([
      // biome-ignore lint/correctness/useYield: it fails before.
      streamOf(async function* () {
        throw failure;
      }),
    ]);
    expect((await send(early.socket, "GET", "/api/v1/stream")).status).toBe(404);
    await using late = await serve([
      streamOf(async function* () {
        yield { n: 1 };
        throw failure;
      }),
    ]);
    const answer = await send(late.socket, "GET", "/api/v1/stream");
    expect(answer.status).toBe(200);
    expect(answer.text.trim().split("\n")).toEqual(['{"n":1}', JSON.stringify({ error: failure.toBody() })]);
  });

  test("waits for a slow reader, with little in memory, and goes on with it [fault 47]", async () => {
    let made = 0;
    const line = "x".repeat(64 * 1024);
    await using served = await serve([
      streamOf(async function* () {
        for (; made < 2000; made++) yield line;
      }),
    ]);
    const socket = connect(served.socket);
    socket.pause();
    socket.write("GET /api/v1/stream HTTP/1.1\r\nhost: x\r\n\r\n");
    await until("the stream stands still", async () => {
      const before = made;
      await sleep(100);
      return made > 0 && made === before;
    });
    expect(made * line.length, "of 125 MiB").toBeLessThan(4 * 2 ** 20);
    const stoodAt = made;
    let read = 0;
    socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    socket.resume();
    await until("it goes on", () => made > stoodAt + 100 && read > 100 * line.length);
    socket.destroy();
  });

  test("ends, with all that it holds, when its reader has gone", async () => {
    let closed = false;
    let aborted = false;
    await using served = await serve([
      streamOf(async function* (signal) {
        try {
          yield { n: 1 };
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          aborted = signal.aborted;
        } finally {
          closed = true;
        }
      }),
    ]);
    const request = http.get({ socketPath: served.socket, path: "/api/v1/stream", agent: false });
    request.on("error", () => {});
    await new Promise<void>((resolve) => {
      request.on("response", (response) => response.once("data", () => resolve()));
    });
    expect(closed).toBe(false);
    request.destroy();
    await until("the stream is closed", () => closed);
    expect(aborted).toBe(true);
    expect(served.logged).toEqual([]);
  });

  test("ends when its reader goes while it stands still", async () => {
    let closed = false;
    let made = 0;
    await using served = await serve([
      streamOf(async function* () {
        try {
          for (; ; made++) yield "x".repeat(64 * 1024);
        } finally {
          closed = true;
        }
      }),
    ]);
    const socket = connect(served.socket);
    socket.pause();
    socket.write("GET /api/v1/stream HTTP/1.1\r\nhost: x\r\n\r\n");
    await until("the stream stands still", async () => {
      const before = made;
      await sleep(50);
      return made > 0 && made === before;
    });
    socket.destroy();
    await until("the stream is closed", () => closed);
  });
});

describe("the socket", () => {
  test("is for its owner alone, and the process's umask is as it was", async () => {
    const before = process.umask();
    await using served = await serve([whoami]);
    expect(statSync(served.socket).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(before);
  });

  test("that an earlier daemon left behind is replaced [fault 16]", async () => {
    await using first = await serve([whoami]);
    const path = join(first.dir, "left.sock");
    execFileSync("python3", [
      "-c",
      "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
      path,
    ]);
    expect(statSync(path).isSocket()).toBe(true);
    await using second = await serve([whoami], { socket: path });
    expect((await send(second.socket, "GET", "/api/v1/whoami")).status).toBe(200);
  });

  test("does not replace what is no socket", async () => {
    await using served = await serve([whoami]);
    const file = join(served.dir, "notes");
    writeFileSync(file, "mine");
    const folder = join(served.dir, "folder");
    mkdirSync(folder);
    const link = join(served.dir, "link");
    symlinkSync(served.socket, link);
    for (const path of [file, folder, link]) {
      await expect(serve([whoami], { socket: path })).rejects.toMatchObject({
        code: "socket/taken",
        hint: `mv ${path} ${path}.old`,
      });
    }
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(existsSync(served.socket)).toBe(true);
  });

  test("in a folder that is missing is a failure with its cause", async () => {
    await expect(serve([whoami], { socket: "/nowhere/at/all.sock" })).rejects.toMatchObject({
      code: "state/unwritable",
      why: expect.stringMatching(/ENOENT|EACCES/),
    });
  });
});

describe("the caller", () => {
  const identifyPeer = loadPeerCredentials();
  const caller = join(import.meta.dirname, "call-program.ts");
  const isRoot = process.getuid?.() === 0;

  test("is whom the kernel names: its own pid and uid", async () => {
    expect(identifyPeer, "koffi is a dependency of the tests").not.toBeNull();
    await using served = await serve([whoami], { identifyPeer });
    using child = await startChild(caller, served.socket);
    const answer = JSON.parse(await child.nextLine()) as { status: number; body: unknown };
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ pid: child.process.pid, uid: process.getuid?.() });
  });

  test.skipIf(!isRoot)("of another user is denied, even where the socket lets it in", async () => {
    await using served = await serve([whoami], { identifyPeer });
    chmodSync(served.dir, 0o755);
    chmodSync(served.socket, 0o666);
    using child = await startChild(caller, served.socket, "65534");
    const answer = JSON.parse(await child.nextLine()) as { status: number; body: unknown };
    expect(answer).toMatchObject({
      status: 403,
      body: { error: { code: "permission/denied", why: "the caller is uid 65534" } },
    });
  });

  test("whom nobody can name is denied", async () => {
    await using served = await serve([whoami], { identifyPeer: () => null });
    const answer = await send(served.socket, "GET", "/api/v1/whoami");
    expect(answer.status).toBe(403);
    expect(answer.text).toContain("could not be identified");
  });

  test("counts as the owner where there is no way to ask: the socket's mode guards alone", async () => {
    await using served = await serve([whoami], { identifyPeer: null });
    expect((await send(served.socket, "GET", "/api/v1/whoami")).json).toEqual({
      uid: process.getuid?.(),
      user: "owner",
      pid: 0,
      isAdmin: true,
    });
  });
});
