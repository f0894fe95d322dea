import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { parseAllowedPlace, whyNotPublic } from "../../src/std/safe-fetch/address-rules.ts";
import { createSafeFetch, type SafeFetchOptions } from "../../src/std/safe-fetch/safe-fetch.ts";
import { hasOpenssl } from "../gateway/certificate.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: Server, host = "127.0.0.1", port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}
const serve = (listener: RequestListener, host?: string, port?: number): Promise<number> =>
  listen(createServer(listener), host, port);
/** Says the same to everybody, byte for byte. */
const say = (text: string, again = ""): Promise<number> =>
  listen(
    createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.write(text);
        if (again === "") return;
        const timer = setInterval(() => socket.write(again), 1);
        socket.on("close", () => clearInterval(timer));
      });
    }),
  );

async function get(url: string, options: Partial<SafeFetchOptions> = {}, more = {}): Promise<string> {
  const asked = { url, what: 'param "image"', method: "GET" as const, timeoutMs: 2_000, maxBytes: 1_000 };
  const answer = await createSafeFetch({ allow: [], ...options })({ ...asked, ...more });
  const chunks: Buffer[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return `${answer.status} ${Buffer.concat(chunks).toString()}`;
}

async function failure(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    (got) => new Error(`it was not refused: ${String(got)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw error;
}

const noNames: SafeFetchOptions["resolve"] = (name) => Promise.reject(new Error(`looked up ${name}`));

describe("who wants in by an address that is fetched", () => {
  it.each([
    ...["127.0.0.1.", "0X7F.0X1", "0x7f.0.0x0.1", "0177.1", "127.0x0.1", "%31%32%37.0.0.1", "127.0.0.%31"],
    ...["0.1.2.3", "127.255.255.254", "169.254.170.2", "192.0.0.170", "198.19.255.255", "100.127.255.255"],
    ...["225.1.2.3", "255.255.255.254", "3232235777", "0xa9fea9fe", "025177524776"],
    ...[
      "[::ffff:a9fe:a9fe]",
      "[::ffff:0a00:0001]",
      "[0:0:0:0:0:ffff:127.0.0.1]",
      "[::a00:1]",
      "[::ffff:0:a00:1]",
    ],
    ...["[64:ff9b::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:101::]"],
    ...["[2001::7f00:1]", "[2001:10::1]", "[2001:20::1]", "[fe80::a9fe:a9fe]", "[febf::1]", "[fec0::1]"],
    ...["[fd20:ce::254]", "[fdff::1]", "[ff01::1]", "[ff0e::1]", "[3fff::1]", "[4000::1]", "[::2]"],
  ])("is not let in by http://%s", async (host) => {
    const { code, why } = await failure(get(`http://${host}/`, { resolve: noNames }));
    expect({ host, code, why }).toEqual({ host, code: "param/invalid", why: "it is not a public address" });
  });

  it("finds public addresses open, or nothing of the above would show anything", () => {
    for (const address of [
      "8.8.8.8",
      "100.63.255.255",
      "100.128.0.1",
      "172.32.0.1",
      "198.17.0.1",
      "198.20.0.1",
    ])
      expect({ address, why: whyNotPublic(address) }).toEqual({ address, why: null });
    for (const address of ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00::1", "2003::1"])
      expect({ address, why: whyNotPublic(address) }).toEqual({ address, why: null });
  });

  it("gets the host that was vetted, though the name means another one by the time of the connection [fault 51]", async () => {
    const port = await serve((_request, response) => response.end("vetted"));
    await serve((_request, response) => response.end("inside"), "127.0.0.2", port);
    const allow = [parseAllowedPlace(`127.0.0.1:${port}`)];
    let looked = 0;
    const resolve = async (): Promise<string[]> => [looked++ === 0 ? "127.0.0.1" : "127.0.0.2"];
    expect(await get(`http://rebind.example:${port}/`, { allow, resolve })).toBe("200 vetted");
    const { code } = await failure(get(`http://rebind.example:${port}/`, { allow, resolve }));
    expect(code, "vetted anew with each request").toBe("param/invalid");
    expect(looked).toBe(2);
    // One good address beside a bad one: not even the good one is dialled.
    const both = async (): Promise<string[]> => ["127.0.0.1", "127.0.0.2"];
    expect((await failure(get(`http://both.example:${port}/`, { allow, resolve: both }))).code).toBe(
      "param/invalid",
    );
  });

  it("does not hold the daemon up with a name of thousands of addresses", async () => {
    const many = Array.from({ length: 4_000 }, (_, index) => `8.8.${index >> 8}.${index & 255}`);
    const startMs = performance.now();
    const { why } = await failure(get("http://many.example/", { resolve: async () => many }));
    expect(why).toBe("its name has more than 64 addresses");
    expect(performance.now() - startMs).toBeLessThan(100);
  });

  it("gets an end, whatever it answers with [fault 51]", async () => {
    const allow = [parseAllowedPlace("127.0.0.1")];
    const head = "HTTP/1.1 200 OK\r\n";
    const packed = `${head}content-encoding: GZIP\r\ncontent-length: 3\r\n\r\nabc`;
    const odd: [string, number, RegExp][] = [
      [
        "a change of protocol",
        await say("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx"),
        /changes the protocol/,
      ],
      [
        "promises without an end",
        await say("", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
        /longer than 0\.4 s/,
      ],
      ["heads without an end", await say(head, `x: ${"y".repeat(1_000)}\r\n`), /HPE_HEADER_OVERFLOW/],
      [
        "a chunk larger than any number",
        await say(`${head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n`),
        /./,
      ],
      [
        "chunks that say little at length",
        await say(`${head}transfer-encoding: chunked\r\n\r\n`, `1;${"x".repeat(500)}\r\nx\r\n`),
        /./,
      ],
      ["two lengths", await say(`${head}content-length: 1\r\ncontent-length: 2\r\n\r\nab`), /./],
      [
        "a length and chunks",
        await say(`${head}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`),
        /./,
      ],
      ["packed bytes", await say(packed), /nothing is unpacked here/],
      ["no HTTP", await say("SSH-2.0-OpenSSH_9.6\r\n"), /HPE_/],
    ];
    for (const [what, port, why] of odd) {
      const found = await failure(get(`http://127.0.0.1:${port}/`, { allow }, { timeoutMs: 400 }));
      expect({ what, code: found.code, why: found.why }).toEqual({
        ...{ what, code: "file/unreadable" },
        why: expect.stringMatching(why) as string,
      });
    }
  });

  it("is told nothing of the one who fetches, and cannot put words into the request", async () => {
    const heads: string[] = [];
    const port = await listen(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", (chunk: Buffer) => {
          heads.push(chunk.toString());
          socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        });
      }),
    );
    const allow = [parseAllowedPlace("127.0.0.1")];
    await get(`http://127.0.0.1:${port}/a%0d%0ax-in:%201?q=%0d%0a#part`, { allow });
    expect(heads[0]?.split("\r\n")).toEqual([
      "GET /a%0d%0ax-in:%201?q=%0d%0a HTTP/1.1",
      "user-agent: orch",
      "accept-encoding: identity",
      `host: 127.0.0.1:${port}`,
      "connection: close",
      "",
      "",
    ]);
    const { code } = await failure(get(`http://127.0.0.1:${port}/\r\nx: y`, { allow }));
    expect(code).toBe("param/invalid");
  });

  it.skipIf(!hasOpenssl)("is believed no certificate, whatever the environment says", async () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      const port = await tlsPort();
      const options = { allow: [parseAllowedPlace("127.0.0.1")], resolve: async () => ["127.0.0.1"] };
      expect((await failure(get(`https://tls.example:${port}/`, options))).why).toBe(
        "DEPTH_ZERO_SELF_SIGNED_CERT",
      );
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });
});

async function tlsPort(): Promise<number> {
  const { mkdtempSync, readFileSync, rmSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const { createServer: createTlsServer } = await import("node:https");
  const { makeCertificate } = await import("../gateway/certificate.ts");
  const dir = mkdtempSync(join(tmpdir(), "orch-tls-"));
  closing.push(() => rmSync(dir, { recursive: true }));
  const { cert, key } = makeCertificate(dir);
  return listen(createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }));
}
