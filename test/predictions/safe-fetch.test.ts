import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { parseAllowedPlace } from "../../src/std/safe-fetch/address-rules.ts";
import {
  createSafeFetch,
  type SafeAnswer,
  type SafeFetchOptions,
} from "../../src/std/safe-fetch/safe-fetch.ts";
import { hasOpenssl, makeCertificate } from "../gateway/certificate.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function portOf(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener): Promise<number> => portOf(createServer(listener));

interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: SafeAnswer["headers"];
}

async function get(url: string, options: Partial<SafeFetchOptions> = {}, more = {}): Promise<Got> {
  const fetch = createSafeFetch({ allow: [], ...options });
  const answer = await fetch({
    url,
    what: 'param "image"',
    method: "GET",
    timeoutMs: 2_000,
    maxBytes: 1_000,
    ...more,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return { status: answer.status, headers: answer.headers, text: Buffer.concat(chunks).toString() };
}

async function failure(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    (got) => new Error(`it was not refused: ${JSON.stringify(got)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw error;
}

/** Fails the test when a name is looked up that should not be. */
const noNames: SafeFetchOptions["resolve"] = (name) => Promise.reject(new Error(`looked up ${name}`));

describe("what goes to addresses that others named", () => {
  it("goes to no address of this host or its network, however it is written [fault 51]", async () => {
    const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    const written = [
      ...[
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
      ],
      ...[
        "１２７.０.０.１",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
      ],
      ...["169.254.169.254", "2852039166", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
      ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "198.18.0.1", "203.0.113.9"],
      ...[
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
      ],
      ...["[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]"],
      ...["[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[5f00::1]", "[100::1]"],
      ...own
        .filter(({ scopeid }) => scopeid === undefined || scopeid === 0)
        .map((each) => (each.family === "IPv6" ? `[${each.address}]` : each.address)),
    ];
    for (const host of written) {
      const { code, why } = await failure(get(`http://${host}/`, { resolve: noNames }));
      expect({ host, code, why }).toMatchObject({
        code: "param/invalid",
        why: expect.stringMatching(/not a public address|address of this host/) as string,
      });
    }
  });

  it("reads an address by one parser, and refuses what parsers disagree on", async () => {
    const refused: Record<string, RegExp> = {
      "http://example.com\\@127.0.0.1/": /backslash/,
      "http:\\\\127.0.0.1/": /backslash/,
      "http://exa\tmple.com/": /blank/,
      " http://example.com/": /blank/,
      "http://exam\u0000ple.com/": /control/,
      "http://ada:secret@example.com/": /password/,
      "http://@example.com/": /password/,
      "http://example.com@127.0.0.1/": /password/,
      "file:///etc/passwd": /only http/,
      "gopher://example.com/": /only http/,
      "ftp://example.com/": /only http/,
      "data:text/plain,x": /only http/,
      "http://": /no URL/,
      "//example.com/": /no URL/,
      "http://[::1": /no URL/,
      "http://[fe80::1%25eth0]/": /no URL/,
      "http://1.2.3.4.5/": /no URL/,
      "http://exa%2fmple.com/": /no URL/,
      "http://exam!ple.com/": /no name/,
      [`http://example.com/${"x".repeat(2_100)}`]: /longer/,
    };
    for (const [url, why] of Object.entries(refused)) {
      const found = await failure(get(url, { resolve: noNames }));
      expect({ url, code: found.code, why: found.why }).toEqual({
        url,
        code: "param/invalid",
        why: expect.stringMatching(why) as string,
      });
      expect(found.message, "secrets of an address are not said again").not.toContain("secret");
    }
  });

  it("vets every address of a name, asks for it once, and connects to what was vetted", async () => {
    const port = await serve((_request, response) => response.end("inside"));
    const allow = [parseAllowedPlace(`127.0.0.1:${port}`)];
    for (const addresses of [["127.0.0.2"], ["8.8.8.8", "127.0.0.2"], ["8.8.8.8", "::ffff:10.0.0.1"]]) {
      const found = await failure(get("http://example.com/", { resolve: async () => addresses }));
      expect(found.why, "and says nothing of what is inside").toBe(
        "its name leads to an address that is not public",
      );
    }
    // A name that means another address each time it is asked for: the second is never asked for.
    const answers = [["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"]];
    let asked = 0;
    const resolve = async (): Promise<string[]> => answers[asked++] ?? [];
    expect((await get(`http://rebind.example:${port}/`, { allow, resolve })).text).toBe("inside");
    expect(asked).toBe(1);
    expect((await failure(get(`http://rebind.example:${port}/`, { allow, resolve }))).code).toBe(
      "param/invalid",
    );
    for (const name of ["localhost", "localhost.", "LOCALHOST"])
      expect((await failure(get(`http://${name}/`, { resolve: async () => ["127.0.0.1"] }))).code).toBe(
        "param/invalid",
      );
    expect(
      (await failure(get("http://odd.example/", { resolve: async () => ["not an address"] }))).code,
    ).toBe("param/invalid");
    expect((await failure(get("http://none.example/", { resolve: async () => [] }))).why).toBe(
      "its name has no address",
    );
  });

  it("goes to usual ports alone, and beyond them where the config names the place", async () => {
    const resolve = async (): Promise<string[]> => ["8.8.8.8"];
    for (const port of [22, 25, 6379, 8080, 65535])
      expect((await failure(get(`http://example.com:${port}/`, { resolve }))).why).toBe(
        `port ${port} is not 80 or 443`,
      );
    const port = await serve((request, response) => response.end(request.headers.host));
    const inside = { resolve: async () => ["127.0.0.1"] };
    const byName = { ...inside, allow: [parseAllowedPlace(`minio.lan:${port}`)] };
    expect((await get(`http://MINIO.lan.:${port}/x`, byName)).text, "the name is kept").toBe(
      `minio.lan.:${port}`,
    );
    expect((await failure(get(`http://other.lan:${port}/`, byName))).code).toBe("param/invalid");
    expect((await failure(get(`http://minio.lan:${port + 1}/`, byName))).code).toBe("param/invalid");
    const byNet = { ...inside, allow: [parseAllowedPlace("127.0.0.0/30")] };
    expect((await get(`http://127.0.0.1:${port}/`, byNet)).status).toBe(200);
    expect((await failure(get(`http://127.0.0.4:${port}/`, byNet))).code).toBe("param/invalid");
  });

  it.skipIf(!hasOpenssl)("asks for the name by TLS, and believes no certificate of another", async () => {
    const dir = mkdtempSync(join(tmpdir(), "orch-tls-"));
    closing.push(() => rmSync(dir, { recursive: true }));
    const { cert, key } = makeCertificate(dir);
    const files = { cert: readFileSync(cert), key: readFileSync(key) };
    const names: string[] = [];
    const server = createTlsServer({
      ...files,
      SNICallback(name, done) {
        names.push(name);
        done(null, createSecureContext(files));
      },
    });
    const port = await portOf(server);
    const options = { allow: [parseAllowedPlace("127.0.0.1")], resolve: async () => ["127.0.0.1"] };
    const found = await failure(get(`https://tls.example:${port}/`, options));
    expect(found).toMatchObject({ code: "file/unreadable", why: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(names).toEqual(["tls.example"]);
    expect((await failure(get(`https://127.0.0.1:${port}/`, options))).why).toBe(
      "DEPTH_ZERO_SELF_SIGNED_CERT",
    );
  });

  it("follows no redirect and unpacks nothing", async () => {
    let reached = false;
    const inner = await serve((_request, response) => {
      reached = true;
      response.end("secret");
    });
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    const port = await serve((request, response) => {
      if (request.url === "/bomb") response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
      else response.writeHead(302, { location: `http://127.0.0.1:${inner}/` }).end("moved");
    });
    const allow = [parseAllowedPlace(`127.0.0.1:${port}`)];
    expect(await get(`http://127.0.0.1:${port}/`, { allow })).toMatchObject({ status: 302, text: "moved" });
    expect(reached).toBe(false);
    expect((await failure(get(`http://127.0.0.1:${port}/bomb`, { allow }))).why).toBe(
      "nothing is unpacked here",
    );
  });

  it("reads so much in so long, whatever the other side does [fault 51]", async () => {
    const port = await serve((request, response) => {
      if (request.url === "/said")
        response.writeHead(200, { "content-length": 5_000 }).end(Buffer.alloc(5_000));
      else if (request.url === "/unsaid") for (let n = 0; n < 50; n += 1) response.write(Buffer.alloc(100));
      else if (request.url === "/drip") setInterval(() => response.write("."), 20).unref();
      else if (request.url === "/cut")
        response.writeHead(200, { "content-length": 100 }).write("x", () => response.destroy());
    });
    const silent = await portOf(createTcpServer(() => undefined));
    const slowHeaders = await portOf(
      createTcpServer((socket) => {
        socket.on("error", () => undefined);
        const timer = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(timer));
        socket.write("HTTP/1.1 200 OK\r\nx-slow: ");
      }),
    );
    const allow = [parseAllowedPlace("127.0.0.1")];
    const at = (where: string, more = {}): Promise<Failure> =>
      failure(get(`http://127.0.0.1:${where}`, { allow }, more));
    expect((await at(`${port}/said`)).why).toBe("it may be at most 1000 bytes");
    expect((await at(`${port}/unsaid`)).why).toBe("it may be at most 1000 bytes");
    const short = { timeoutMs: 300 };
    for (const where of [`${port}/drip`, `${port}/nothing`, `${silent}/`, `${slowHeaders}/`])
      expect({ where, why: (await at(where, short)).why }).toEqual({
        where,
        why: "it took longer than 0.3 s",
      });
    expect((await at(`${port}/cut`)).code).toBe("file/unreadable");
    const hanging = { resolve: () => new Promise<string[]>(() => undefined) };
    expect((await failure(get("http://hangs.example/", hanging, short))).why).toBe(
      "its name was not resolved in time",
    );
  });

  it("takes places from the config that can be written in one way alone", () => {
    for (const good of [
      "minio.lan",
      "minio.lan:9000",
      "10.0.0.0/8",
      "10.1.2.3:80",
      "[fd00::1]:80",
      "fd00::/8",
      "[fd00::]",
    ])
      expect(() => parseAllowedPlace(good), good).not.toThrow();
    for (const bad of [
      "",
      "*",
      "http://x",
      "10.0.0.0/33",
      "10.0.0.0/x",
      "x:0",
      "x:70000",
      "1.2.3",
      "[minio]:80",
      "a b",
      "-x",
    ])
      expect(() => parseAllowedPlace(bad), bad).toThrow(/no place on a network/);
  });
});
