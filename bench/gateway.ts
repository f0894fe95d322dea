// Requests that workers answer, through the gateway and straight to the worker, by the same client on the same machine.
import fs from "node:fs";
import path from "node:path";
import { call, encode } from "./kit/connection.ts";
import { type Daemon, makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, megabytes, milliseconds, perSecond, report } from "./kit/figure.ts";
import { chatRequest, connectTo } from "./kit/raw-http.ts";
import { quantile } from "./kit/statistics.ts";
import { until } from "./kit/until.ts";

const STREAMS = 50;
const RATE_REQUESTS = isQuick ? 6_000 : 30_000;
const root = process.env["ORCH_BENCH_ROOT"] ?? path.resolve(import.meta.dirname, "..");

interface Door {
  readonly url: string;
  readonly key: string;
}

const daemon = await startGateway();
const proxied = await openDoor(daemon);
const direct: Door = { url: await endpointOf(daemon, proxied), key: "none" };

await compareRate();
await compareFirstByte();
await compareStreams();
await watchMemory();
await daemon.stop();

async function startGateway(): Promise<Daemon> {
  const home = makeHome();
  fs.writeFileSync(path.join(home, "config.yaml"), "gateway:\n  listen: 127.0.0.1:0\n");
  const dir = path.join(home, "runtimes", "fast");
  fs.mkdirSync(dir, { recursive: true });
  const command = [process.execPath, path.join(root, "bench", "kit", "fast-server.mjs"), "{port}"];
  fs.writeFileSync(
    path.join(dir, "runtime.yaml"),
    `name: fast
protocol: openai
server: { api: rerank }
command: ${JSON.stringify(command)}
gpu: { count: 1, vram: 8GiB }
slots: 64
keepAlive: -1
params:
  query: { type: string }
`,
  );
  return startDaemon({ home });
}

async function openDoor({ socket }: Daemon): Promise<Door> {
  const connection = await daemon.connect();
  const { key } = await call<{ key: string }>(
    connection,
    encode("POST", "/keys", { name: "bench", scopes: ["submit"] }),
  );
  const url = await until(`the gateway of ${socket} listens`, async () => {
    const { gateway } = await call<{ gateway: { url: string | null } | null }>(
      connection,
      encode("GET", "/keys"),
    );
    return gateway?.url ?? null;
  });
  connection.close();
  return { url, key };
}

/** The worker itself: found by what it listens on, once a first request has started it. */
async function endpointOf({ socket }: Daemon, door: Door): Promise<string> {
  const first = await connectTo(door.url);
  const { status } = await first.send(chatRequest({ model: "fast" }, door.key));
  first.close();
  if (status !== 200) throw new Error(`the first request got ${status}`);
  const connection = await daemon.connect();
  const { workers } = await call<{ workers: { pid: number | null }[] }>(
    connection,
    encode("GET", "/workers"),
  );
  connection.close();
  const pid = workers[0]?.pid ?? 0;
  const port = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean).at(-1);
  if (port === undefined || !/^\d+$/.test(port)) throw new Error(`no port of the worker of ${socket}`);
  return `http://127.0.0.1:${port}`;
}

async function together(
  door: Door,
  count: number,
  act: (
    send: (body: object, onText?: (text: string) => void) => Promise<{ firstMs: number }>,
  ) => Promise<void>,
): Promise<void> {
  const connections = await Promise.all(Array.from({ length: count }, () => connectTo(door.url)));
  await Promise.all(
    connections.map((connection) =>
      act(async (body, onText) => {
        const answer = await connection.send(chatRequest(body, door.key), onText);
        if (answer.status !== 200) throw new Error(`a request got ${answer.status}`);
        return answer;
      }),
    ),
  );
  for (const connection of connections) connection.close();
}

async function rateOf(door: Door): Promise<number> {
  let left = RATE_REQUESTS;
  const startMs = performance.now();
  await together(door, STREAMS, async (send) => {
    while (left-- > 0) await send({ model: "fast", messages: [{ role: "user", content: "hi" }] });
  });
  return (RATE_REQUESTS / (performance.now() - startMs)) * 1000;
}

async function compareRate(): Promise<void> {
  await rateOf(proxied);
  const straight = await rateOf(direct);
  const cpuMs = daemon.cpuMs();
  const rate = await rateOf(proxied);
  const each = ((daemon.cpuMs() - cpuMs) / RATE_REQUESTS).toFixed(2);
  report({
    name: `small requests, ${STREAMS} at once`,
    target: "≥ 3,000 /s",
    measured: perSecond(rate),
    met: rate >= 3_000,
    baseline: `straight: ${perSecond(straight)}; the daemon computes ${each} ms for each`,
  });
}

async function firstBytes(door: Door): Promise<number[]> {
  const found: number[] = [];
  await together(door, 1, async (send) => {
    for (let count = 0; count < (isQuick ? 300 : 2_000); count += 1)
      found.push((await send({ model: "fast", stream: true, count: 1, bytes: 50, everyMs: 0 })).firstMs);
  });
  return found;
}

async function compareFirstByte(): Promise<void> {
  const straight = await firstBytes(direct);
  const found = await firstBytes(proxied);
  const added = quantile(found, 0.5) - quantile(straight, 0.5);
  report({
    name: "first byte of a stream, added, p50",
    target: "≤ 2 ms",
    measured: milliseconds(added),
    met: added <= 2,
    baseline: `straight: ${milliseconds(quantile(straight, 0.5))}; p99 ${milliseconds(quantile(straight, 0.99))}, through the gateway ${milliseconds(quantile(found, 0.99))}`,
  });
}

/** How long each event was on its way. */
async function delaysOf(door: Door): Promise<number[]> {
  const delays: number[] = [];
  const count = isQuick ? 50 : 300;
  await together(door, STREAMS, async (send) => {
    await send({ model: "fast", stream: true, count, bytes: 100, everyMs: 20 }, (text) => {
      const nowMs = performance.timeOrigin + performance.now();
      for (const [, at] of text.matchAll(/"at":([\d.]+)/g)) delays.push(nowMs - Number(at));
    });
  });
  return delays;
}

async function compareStreams(): Promise<void> {
  const straight = await delaysOf(direct);
  const found = await delaysOf(proxied);
  for (const [share, target] of [
    [0.5, 1],
    [0.99, 5],
  ] as const) {
    const added = quantile(found, share) - quantile(straight, share);
    report({
      name: `an event of ${STREAMS} streams, added, p${share * 100}`,
      target: `≤ ${target} ms`,
      measured: milliseconds(added),
      met: added <= target,
      baseline: `straight: ${milliseconds(quantile(straight, share))}`,
    });
  }
}

async function watchMemory(): Promise<void> {
  const total = isQuick ? 500 : 10_000;
  const run = async (streams: number): Promise<void> => {
    let left = streams;
    await together(proxied, STREAMS, async (send) => {
      while (left-- > 0) await send({ model: "fast", stream: true, count: 16, bytes: 65_536, everyMs: 0 });
    });
  };
  await run(total / 10);
  const before = daemon.rssBytes();
  const startMs = performance.now();
  await run(total);
  const tookMs = performance.now() - startMs;
  const grown = daemon.rssBytes() - before;
  report({
    name: `memory after ${total.toLocaleString("en-US")} streams of 1 MB`,
    target: "≤ 32 MB more",
    measured: `${megabytes(grown)} more, peak ${megabytes(daemon.peakRssBytes())}`,
    met: grown <= 32e6,
    baseline: `${megabytes((total * 2 ** 20 * 1000) / tookMs)}/s`,
  });
}
