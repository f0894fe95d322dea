import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createInputFiles } from "../../src/daemon/inputs/input-files.ts";
import { readForm } from "../../src/gateway/read-form.ts";
import { systemClock } from "../../src/std/clock.ts";
import { toFailure } from "../../src/std/failure.ts";
import { createRng } from "../../src/std/rng.ts";
import { until } from "../kit/until.ts";

const dir = mkdtempSync(join(tmpdir(), "orch-form-"));
const stored = join(dir, "1000");
const inputs = createInputFiles({
  ...{ dir, clock: systemClock, servesMany: false },
  fetch: () => Promise.reject(new Error("nothing is fetched")),
});
/** How each request ended: "200 …", or the code of its failure. */
const ends: string[] = [];

const server = createServer((request, response) => {
  const { "content-type": type } = request.headers;
  const keep = ({ field, name, bytes, type: kind }: Parameters<Parameters<typeof readForm>[2]["keep"]>[0]) =>
    field === "unwanted" ? undefined : inputs.put(1000, { name, type: kind, bytes });
  readForm(request, type, { fileField: "content", keep }).then(
    ({ fields, files }) => {
      ends.push("200");
      const kept = files.map((file) => [file.field, file.kept.bytes, file.kept.id.slice(64)]);
      response.end(JSON.stringify({ fields, files: kept }));
    },
    (error: unknown) => {
      const { code, why } = toFailure(error);
      ends.push(code);
      response.writeHead(400).end(JSON.stringify({ code, why }));
    },
  );
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true });
});

async function send(body: string | Buffer, type = "multipart/form-data; boundary=b"): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    headers: { "content-type": type },
    body: Buffer.from(body),
    signal: AbortSignal.timeout(10_000),
  });
  return answer.text();
}

const part = (head: string, content: string): string =>
  `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
const file = (content: string, name = "a.txt"): string => part(`name="content"; filename="${name}"`, content);
const END = "--b--\r\n";
/** What was begun is removed; what is there is whole. */
const leftovers = (): string[] => readdirSync(stored).filter((name) => name.endsWith(".part"));

describe("a form", () => {
  it("gives its texts and its files, in their order, however it is written", async () => {
    const form = part('name="a"', "1") + file("one") + part('name="__proto__"', "x") + file("two", "b.png");
    expect(JSON.parse(await send(`preamble\r\n${form}${END}epilogue`))).toEqual({
      fields: JSON.parse('{"a":"1","__proto__":"x"}') as object,
      files: [
        ["content", 3, ".txt"],
        ["content", 3, ".png"],
      ],
    });
    for (const type of [
      'multipart/form-data; boundary="b"',
      "Multipart/Form-Data;charset=utf-8;  boundary=b",
      "multipart/form-data; boundary=b; charset=utf-8",
    ])
      expect(await send(form + END, type), type).toContain('"content",3');
    expect(await send(part('name="content"', "no name beside it") + END)).toContain('["content",17,".txt"]');
    expect(await send(file("no name in it", "") + END)).toContain('["content",13,".txt"]');
    expect(await send(part("name=content; filename=../../x.txt", "way out") + END)).toContain(".txt");
    expect(await send(part('name="unwanted"; filename="x"', "y".repeat(300_000)) + END)).toBe(
      '{"fields":{},"files":[]}',
    );
    expect(leftovers()).toEqual([]);
  });

  it.each([
    ["no type", "x", "", /boundary/],
    ["no boundary", "x", "multipart/form-data", /boundary/],
    ["an empty boundary", "x", "multipart/form-data; boundary=", /boundary/],
    ["a long boundary", "x", `multipart/form-data; boundary=${"b".repeat(71)}`, /boundary/],
    ["another type", "x", "application/json; boundary=b", /boundary/],
    ["nothing in it", "", undefined, /end/i],
    ["something else in it", "x".repeat(100_000), undefined, /end/i],
    ["no final boundary", file("cut short").slice(0, -2), undefined, /end|terminated/i],
    ["an end within the head of a part", file("x").slice(0, 30), undefined, /end|terminated/i],
    ["a giant text", part('name="a"', "x".repeat(2 ** 20 + 1)) + END, undefined, /more than 1048576/],
    ["many texts", part('name="a"', "x").repeat(101) + END, undefined, /more than 100 texts/],
    ["many files", file("x").repeat(17) + END, undefined, /more than 16 files/],
    [
      "many parts without names",
      "--b\r\nx: y\r\n\r\n\r\n".repeat(121) + END,
      undefined,
      /more than 120 parts/,
    ],
  ])("is refused with %s, and leaves nothing", async (_what, body, type, why) => {
    const answer = JSON.parse(await send(body, type)) as { code: string; why: string };
    expect(answer).toMatchObject({ code: "request/malformed", why: expect.stringMatching(why) as string });
    expect(leftovers()).toEqual([]);
  });

  it("is not read on where a file of it is refused, and says so", async () => {
    const { port: own, close } = await refusing();
    const socket = connect(own, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n");
    socket.write(`content-length: 100000000\r\n\r\n${file("begun")}`);
    await until("it is answered before it has come", () => answer.includes("quota/refused"));
    socket.destroy();
    close();
  });

  it("of a caller who hangs up, or says a wrong length, leaves nothing", async () => {
    const before = ends.length;
    const head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n";
    const socket = connect(port, "127.0.0.1");
    socket.write(`${head}content-length: 1000000\r\n\r\n${file("x".repeat(200_000)).slice(0, -10)}`);
    await until("the file has begun", () => leftovers().length > 0);
    socket.destroy();
    await until("it is over", () => ends.length > before);
    expect(ends.at(-1)).toBe("interrupted");
    expect(leftovers()).toEqual([]);
    const short = connect(port, "127.0.0.1");
    short.write(`${head}content-length: 40\r\n\r\n${file("longer than it was said")}${END}`);
    await until("the one that is too short is over", () => ends.length > before + 1);
    expect(ends.at(-1)).toBe("request/malformed");
    short.destroy();
    expect(leftovers()).toEqual([]);
  });

  it("spoilt at random is taken or refused, never half, and nobody hangs", async () => {
    const rng = createRng(7);
    const sound = Buffer.from(part('name="a"', "1") + file("whole".repeat(50)) + END);
    const seen = new Set<number>();
    for (let round = 0; round < 300; round += 1) {
      const spoilt = Buffer.from(sound);
      for (let n = Math.floor(rng.next() * 4); n >= 0; n -= 1)
        spoilt[Math.floor(rng.next() * spoilt.length)] = Math.floor(rng.next() * 256);
      const cut = rng.next() < 0.3 ? Math.floor(rng.next() * spoilt.length) : spoilt.length;
      const answer = JSON.parse(await send(spoilt.subarray(0, cut))) as { code?: string };
      seen.add(answer.code === undefined ? 200 : 400);
      if (answer.code !== undefined) expect(answer.code, `round ${round}`).toBe("request/malformed");
    }
    expect([...seen].sort()).toEqual([200, 400]);
    expect(leftovers()).toEqual([]);
    for (const name of readdirSync(stored))
      expect(readFileSync(join(stored, name)).length, "only what was whole is there").toBeGreaterThan(0);
  });
});

/** A server whose files are all refused. */
async function refusing(): Promise<{ port: number; close: () => void }> {
  const { Failure } = await import("../../src/std/failure.ts");
  const other = createServer((request, response) => {
    const keep = () => Promise.reject<string>(new Failure("quota/refused", "there are too many files"));
    readForm(request, request.headers["content-type"], { keep }).catch((error: unknown) =>
      response.writeHead(429).end(toFailure(error).code),
    );
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  return {
    port: (other.address() as AddressInfo).port,
    close() {
      other.close();
      other.closeAllConnections();
    },
  };
}
