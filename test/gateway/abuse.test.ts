import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { useOrch } from "../e2e/session.ts";
import type { DaemonProcess, OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
let daemon: DaemonProcess;
let url: string;
let key: string;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  daemon = await home.daemon();
  key = await makeKey(home, "abuse", "--scope", "read,submit,run");
  url = await urlOf(home);
});
afterAll(async () => {
  const isRunning = daemon.isRunning();
  await home[Symbol.asyncDispose]();
  expect(isRunning, daemon.stderr()).toBe(true);
});

const dial = (from = "127.0.0.1"): Socket => {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port), localAddress: from });
  socket.on("error", () => undefined); // It may hang up at any time.
  return socket;
};
const closeOf = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

/** Sends the bytes and gives what comes back until the gateway hangs up. */
async function sendBytes(bytes: Buffer | string, socket = dial()): Promise<string> {
  const closed = closeOf(socket);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
  });
  socket.write(bytes);
  await closed;
  return answer;
}

const rssBytes = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
const faults = (): string[] =>
  readFileSync(join(home.dir, "state", "daemon.log"), "utf8")
    .split("\n")
    .filter((line) => /"level":[56]0/.test(line));

describe("too much", () => {
  it("of a header is refused", async () => {
    const large = await ask(url, { key, headers: { "x-large": "a".repeat(17 * 1024) } });
    expect(large.status).toBe(431);
    const many = `GET /healthz HTTP/1.1\r\nhost: localhost\r\n${"name: value\r\n".repeat(5_000)}\r\n`;
    expect(await sendBytes(many)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await sendBytes(`GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("of a body is refused, and the connection ends, however long it says it is", async () => {
    const submit = { method: "POST", path: "/api/v1/jobs", key };
    const refused = await ask(url, { ...submit, body: JSON.stringify({ runtime: "x".repeat(2 ** 20) }) });
    expect(refused).toMatchObject({ status: 413, json: { code: "request/too-large" } });
    expect(refused.headers.connection).toBe("close");
    const before = rssBytes();
    const head = `POST /api/v1/jobs/batch HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n`;
    const socket = dial();
    const closed = closeOf(socket);
    socket.resume();
    socket.write(`${head}content-type: application/json\r\ncontent-length: 1073741824\r\n\r\n`);
    const chunk = Buffer.alloc(2 ** 20, "x");
    let sentBytes = 0;
    while (!socket.destroyed && sentBytes < 2 ** 30) {
      sentBytes += chunk.length;
      if (!socket.write(chunk))
        await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
    }
    socket.destroy();
    expect(sentBytes, "it hung up").toBeLessThan(2 ** 30);
    expect(rssBytes() - before, "bytes more").toBeLessThan(64 * 2 ** 20);
  });

  it("without a key is not even read", async () => {
    const head = "POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n";
    expect(await sendBytes(head)).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("slow clients", () => {
  it("a thousand of them are cut at their deadline; nobody else waits [fault 54]", {
    timeout: 30_000,
  }, async () => {
    const startMs = performance.now();
    const slow = Array.from({ length: 1_000 }, (_, index) => {
      const socket = dial(`127.0.1.${1 + (index % 5)}`);
      socket.resume();
      // Some say nothing at all, some stop within their head, some within their body.
      if (index % 3 === 1) socket.write("GET /api/v1/jobs HTTP/1.1\r\nhost: loc");
      if (index % 3 === 2)
        socket.write(`POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n`);
      return { socket, closed: closeOf(socket) };
    });
    let asked = 0;
    const tookEachMs: number[] = [];
    const cut = Promise.all(slow.map(({ closed }) => closed)).then(() => true);
    while (!(await Promise.race([cut, Promise.resolve(false)]))) {
      const askedMs = performance.now();
      await home.client.call("GET /hello", {});
      tookEachMs.push(performance.now() - askedMs);
      expect((await ask(url, { key })).status).toBe(200);
      asked += 1;
    }
    const tookMs = performance.now() - startMs;
    const sorted = tookEachMs.toSorted((a, b) => a - b);
    const [medianMs = 0, worstMs = 0] = [sorted[sorted.length >> 1], sorted.at(-1)];
    const lateMs = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
    console.log(
      `1000 slow clients cut after ${Math.round(tookMs)} ms; ${asked} asked meanwhile: median ${Math.round(medianMs)} ms, 95 % in ${Math.round(lateMs)} ms, ${Math.round(worstMs)} ms at worst`,
    );
    expect(tookMs).toBeLessThan(12_000);
    expect(asked).toBeGreaterThan(20);
    expect(lateMs, "of those on the socket").toBeLessThan(50);
    expect(worstMs, "on the socket, on a busy machine").toBeLessThan(1_000);
  });

  it("no more of them are let in from one address than it may have", async () => {
    const sockets = Array.from({ length: 400 }, () => dial("127.0.2.1"));
    const open = () => sockets.filter((socket) => !socket.destroyed).length;
    await until(
      "those beyond the limit are cut",
      () => sockets.every((socket) => !socket.connecting) && open() <= 256,
    );
    expect(open()).toBeGreaterThan(200);
    for (const socket of sockets) socket.destroy();
    expect((await ask(url, { key })).status).toBe(200);
  });
});

const TEXTS = ["\0", "\r\n", "%00", "{", "[".repeat(200), "é", "../", "__proto__", "9".repeat(40), " ", '"'];

/** Something that no client of ours would send. */
function garbage(rng: Rng): Buffer {
  const body = JSON.stringify({ command: ["true"], cwd: "/", options: { hold: true } });
  const whole = `POST /api/v1/jobs/run HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
  const kinds: (() => Buffer)[] = [
    () => Buffer.from(Array.from({ length: 1 + rng.below(400) }, () => rng.below(256))),
    () => {
      const torn = Buffer.from(whole);
      for (let times = 0; times < 6; times++) torn[rng.below(torn.length)] = rng.below(256);
      return torn;
    },
    () => {
      const at = rng.below(whole.length);
      return Buffer.from(whole.slice(0, at) + rng.pick(TEXTS) + whole.slice(at));
    },
    () =>
      Buffer.from(
        whole.replace("content-length", rng.pick(["transfer-encoding: chunked\r\ncontent-length", "x"])),
      ),
    () =>
      Buffer.from(
        whole.replace("host: localhost\r\n", rng.pick(["", "host: a\r\nhost: b\r\n", "host: \r\n"])),
      ),
    () => Buffer.from(whole.replace("HTTP/1.1", rng.pick(["HTTP/1.0", "HTTP/2.0", "HTTP/9", "ICAP/1.0"]))),
    () =>
      Buffer.from(whole.replace("POST", rng.pick(["CONNECT", "TRACE", "PRI", "post", "GET", "HEAD", "PUT"]))),
    () =>
      Buffer.from(whole.replace("\r\nconnection: close", "\r\nconnection: upgrade\r\nupgrade: websocket")),
  ];
  return rng.pick(kinds)();
}

describe("garbage", () => {
  it("a few hundred times over is refused; the daemon goes on [fault 48]", async () => {
    const rng = createRng(7);
    const statuses = new Map<string, number>();
    const before = rssBytes();
    for (let sent = 0; sent < 400; sent += 40) {
      const answers = Array.from({ length: 40 }, () => {
        const socket = dial();
        const answer = sendBytes(garbage(rng), socket);
        socket.end(); // What is not whole will not be any more.
        return answer;
      });
      for (const answer of await Promise.all(answers)) {
        const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "none";
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    console.log([...statuses].map(([status, count]) => `${count} × ${status}`).join(", "));
    expect([...statuses.keys()].filter((status) => status.startsWith("5"))).toEqual([]);
    expect(statuses.get("200") ?? 0, "some are sound by chance").toBeLessThan(200);
    expect(faults()).toEqual([]);
    expect(rssBytes() - before, "bytes more").toBeLessThan(64 * 2 ** 20);
    expect((await ask(url, { key })).status).toBe(200);
  });
});

describe("wrong keys", () => {
  it("take as long whatever is wrong with them; many are put off, which hinders nobody with a right one [fault 53]", async () => {
    const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
    const change = (at: number): string =>
      `${key.slice(0, at)}${key[at] === "A" ? "B" : "A"}${key.slice(at + 1)}`;
    const kinds = {
      first: change(16),
      last: change(key.length - 1),
      unknown: `orch_0000000000_${key.slice(16)}`,
    };
    const took = { first: [] as number[], last: [] as number[], unknown: [] as number[] };
    const statuses = new Map<number, number>();
    for (let round = 0; round < 200; round++)
      for (const kind of ["first", "last", "unknown"] as const) {
        const startMs = performance.now();
        const { status } = await ask(url, { key: kinds[kind] });
        took[kind].push(performance.now() - startMs);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    const [first, last, unknown] = [median(took.first), median(took.last), median(took.unknown)];
    console.log(
      `medians: first ${first.toFixed(2)} ms, last ${last.toFixed(2)} ms, unknown ${unknown.toFixed(2)} ms`,
    );
    for (const other of [first, last]) {
      expect(other / unknown).toBeGreaterThan(0.7);
      expect(other / unknown).toBeLessThan(1.4);
    }
    expect([...statuses.keys()].sort()).toEqual([401, 429]);
    expect(statuses.get(429), "most are put off").toBeGreaterThan(400);
    const late = await ask(url, { key: kinds.last });
    expect(Number(late.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect((await ask(url, { key })).status).toBe(200);
    const audit = readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
    const strangers = audit.split("\n").filter((line) => line.includes('"keyId":null'));
    expect(strangers.length, "they cannot fill the log").toBeLessThan(400);
    expect(audit).not.toContain(key.slice(20));
  });
});
