import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { query, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const INPUTS = Number(process.env["ORCH_FUZZ_INPUTS"] || 1_500);

/** Unlike `once`, not put off by an error that comes first: a daemon that hangs up in the midst is what is wanted. */
const closeOf = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));
const drainOf = (socket: Socket) => new Promise((resolve) => socket.once("drain", resolve));

/** One POST as bytes. */
function post(path: string, body: string | Buffer, length = Buffer.byteLength(body)): Buffer {
  const head = `POST /api/v1${path} HTTP/1.1\r\nhost: orch\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

const command = (home: OrchHome, more: object = {}): string =>
  JSON.stringify({
    ...{ command: ["true"], cwd: home.dir, env: {}, gpus: 0, vramBytes: null, mode: "exclusive" },
    ...{ options: { hold: true }, ...more },
  });

/** Sends the bytes and reads until the daemon hangs up, or hangs up itself once they are sent. */
async function send(home: OrchHome, bytes: Buffer, hangUp: boolean): Promise<string> {
  const socket = connect(home.socket);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString("latin1");
  });
  socket.on("error", () => undefined); // It may hang up in the midst of what we send.
  const closed = closeOf(socket);
  if (hangUp) socket.write(bytes, () => socket.destroy());
  else socket.end(bytes);
  await closed;
  return answer;
}

const rssBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;

describe("a client that dies", () => {
  it("while it submits leaves no job, or a whole one [fault 47]", async () => {
    await using home = createHome();
    await home.daemon();
    const bytes = post("/jobs/run", command(home, { options: { hold: true, label: "whole" } }));
    const rng = createRng(5);
    for (let round = 0; round < 60; round++)
      await send(home, bytes.subarray(0, rng.below(bytes.length)), true);
    await home.client.call("GET /status", {});
    expect(query(home, "SELECT id FROM jobs"), "no request was whole").toEqual([]);
    await send(home, bytes, true);
    await until("the whole one counts", () => query(home, "SELECT id FROM jobs").length === 1);
    expect(query(home, "SELECT label, state FROM jobs")).toEqual([{ label: "whole", state: "held" }]);
  });

  it("before it reads the answer, and asks again with its key, has one job [fault 47]", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const bytes = post("/jobs/run", command(home, { idempotencyKey: "once" }));
    await Promise.all(Array.from({ length: 8 }, () => send(home, bytes, true)));
    await daemon.kill();
    await home.daemon();
    expect(await send(home, bytes, false)).toContain('"id":1');
    expect(query(home, "SELECT id FROM jobs")).toHaveLength(1);
  });
});

const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

/** Something that no client of ours would send. */
function garbage(rng: Rng, home: OrchHome): Buffer {
  const whole = post("/jobs/run", command(home));
  const kinds: (() => Buffer)[] = [
    () => Buffer.from(Array.from({ length: rng.below(400) }, () => rng.below(256))),
    () => whole.subarray(0, rng.below(whole.length)),
    () => {
      const torn = Buffer.from(whole);
      for (let times = 0; times < 8; times++) torn[rng.below(torn.length)] = rng.below(256);
      return torn;
    },
    () => post("/jobs/run", deep(20_000)),
    () => post("/jobs/run", `{"command":${deep(5_000)}}`),
    () => post("/jobs/run", '{"__proto__":{"admin":true},"constructor":{"prototype":{}}}'),
    () => post("/jobs/run", Buffer.from([0x22, 0xff, 0xfe, 0xc3, 0x28, 0x22])),
    () => post("/jobs/run", command(home, { command: ["a\0b"] })),
    () => post("/jobs/run", command(home, { options: { retries: -1 } })),
    () => post(`/jobs/${"%00".repeat(rng.below(9))}/cancel`, "{}"),
    () => post("/jobs/run", "{}", rng.pick([0, 1, 1e9, 2 ** 53])),
    () => Buffer.from(`GET /${"x".repeat(rng.below(100_000))} HTTP/1.1\r\n\r\n`),
    () => Buffer.from(`GET / HTTP/1.1\r\n${"a: b\r\n".repeat(rng.below(5_000))}\r\n`),
    () =>
      Buffer.from(
        "POST /api/v1/jobs/run HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffff\r\nx",
      ),
  ];
  return rng.pick(kinds)();
}

describe("garbage on the socket", () => {
  it(`is refused ${INPUTS} times over; memory stays flat, and work goes on [fault 48]`, {
    timeout: 60_000 + INPUTS * 20,
  }, async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const rng = createRng(9);
    const sendSome = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 10)
        await Promise.all(Array.from({ length: 10 }, () => send(home, garbage(rng, home), rng.chance(0.3))));
    };
    await sendSome(INPUTS / 3);
    const before = rssBytes(daemon.pid);
    await sendSome((INPUTS * 2) / 3);
    expect(rssBytes(daemon.pid) - before, "bytes more").toBeLessThan(64 * 2 ** 20);
    expect((await home.orch(["run", "--", "echo", "served"])).stdout).toBe("served\n");
    const log = readFileSync(`${home.dir}/state/daemon.log`, "utf8");
    expect(log.split("\n").filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    const states = query<{ state: string }>(
      home,
      "SELECT DISTINCT state FROM jobs WHERE state <> 'succeeded'",
    );
    expect(
      states.every(({ state }) => state === "held"),
      "what was whole by chance is held",
    ).toBe(true);
  });

  it("without an end is cut, however long [fault 48]", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const before = rssBytes(daemon.pid);
    const chunk = Buffer.alloc(2 ** 20, "x");
    for (const head of [
      "GET /",
      "POST /api/v1/jobs/run HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n",
    ]) {
      const socket = connect(home.socket);
      socket.on("error", () => undefined);
      socket.on("data", () => undefined);
      const closed = closeOf(socket);
      socket.write(head);
      let sentBytes = 0;
      // 1 GiB, unless it hangs up before.
      while (!socket.destroyed && sentBytes < 2 ** 30) {
        sentBytes += chunk.length;
        if (!socket.write(chunk)) await Promise.race([drainOf(socket), closed]);
      }
      socket.destroy();
      await closed;
      expect(sentBytes, "it hung up").toBeLessThan(2 ** 30);
    }
    expect(rssBytes(daemon.pid) - before, "bytes more").toBeLessThan(64 * 2 ** 20);
    expect((await home.orch(["status"])).code).toBe(0);
  });
});
