// What a hundred open dashboards cost, beside five hundred readers of events: while nothing happens, and while jobs come and go.
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call, encode } from "./kit/connection.ts";
import { makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, megabytes, report } from "./kit/figure.ts";
import { submitMany } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";

const DASHBOARDS = 100;
const IDLE = 500;
const WATCH_MS = isQuick ? 5_000 : 20_000;
const SETTLE_MS = 4_000;
const MAX_CPU_PERCENT = 5;
/** No address may have more connections than 256. */
const PER_ADDRESS = 200;

const home = makeHome();
fs.writeFileSync(path.join(home, "config.yaml"), "gateway: { listen: 127.0.0.1:0 }\n");
installNoop(home, { name: "noop", slots: 1, timesFile: null });
const daemon = await startDaemon({ home, gpus: "virtual:8x24GiB" });
const connection = await daemon.connect();
const { url } = await call<{ url: string }>(connection, encode("POST", "/logins", { bound: false }));
const port = Number(new URL(url).port);
const cookie = await logIn(new URL(url));
await submitMany(connection, { runtime: "noop", count: 200, hold: true });
await submitMany(connection, { runtime: "noop", count: 100 });

let received = 0;
let opened = 0;
const sockets: net.Socket[] = [];
const measure = async (): Promise<{ percent: number; bytes: number }> => {
  await sleep(SETTLE_MS);
  const [beforeMs, beforeBytes, startMs] = [daemon.cpuMs(), received, performance.now()];
  await sleep(WATCH_MS);
  const tookMs = performance.now() - startMs;
  return {
    percent: ((daemon.cpuMs() - beforeMs) / tookMs) * 100,
    bytes: ((received - beforeBytes) / tookMs) * 1000,
  };
};
const before = await measure();
open("/api/v1/events?limit=0", IDLE);
const idle = await measure();
open("/dashboard/events", DASHBOARDS);
const watched = await measure();
const rssBytes = daemon.rssBytes();
let isBusy = true;
const busy = (async () => {
  // The first one has been idle for too long by now.
  const submits = await daemon.connect();
  while (isBusy) {
    await call(submits, encode("POST", "/jobs", { runtime: "noop" }));
    await sleep(1_000);
  }
  submits.close();
})();
const working = await measure();
isBusy = false;
await busy;
const isAlone = sockets.every((socket) => !socket.destroyed) && opened === DASHBOARDS + IDLE;
if (!isAlone) throw new Error(`only ${opened} streams were open`);
const text = ({ percent, bytes }: typeof idle): string => `${percent.toFixed(1)} %, ${megabytes(bytes)}/s`;
report({
  name: `${DASHBOARDS} dashboards + ${IDLE} event streams, idle`,
  target: `< ${MAX_CPU_PERCENT} % CPU`,
  measured: text(watched),
  met: watched.percent < MAX_CPU_PERCENT,
  baseline: `none: ${before.percent.toFixed(1)} %; streams alone: ${idle.percent.toFixed(1)} %`,
});
report({
  name: "the same, a job a second",
  target: "-",
  measured: text(working),
  met: null,
  baseline: `daemon: ${megabytes(rssBytes)}`,
});
for (const socket of sockets) socket.destroy();
connection.close();
await daemon.stop();
fs.rmSync(home, { recursive: true, force: true });

/** Opens streams and reads what comes, as little as that can cost: it is on the same cores. */
function open(target: string, count: number): void {
  for (let index = 0; index < count; index++) {
    const localAddress = `127.0.0.${2 + Math.floor(sockets.length / PER_ADDRESS)}`;
    const socket = net.connect({ host: "127.0.0.1", port, localAddress });
    let isOpen = false;
    socket.on("data", (chunk) => {
      received += chunk.length;
      if (isOpen) return;
      isOpen = true;
      if (!chunk.toString("latin1").startsWith("HTTP/1.1 200 ")) throw new Error(chunk.toString("latin1"));
      opened += 1;
    });
    socket.on("error", (error) => {
      throw error;
    });
    socket.write(
      `GET ${target} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\ncookie: ${cookie}\r\n\r\n`,
    );
    sockets.push(socket);
  }
}

async function logIn(link: URL): Promise<string> {
  const answer = await fetch(link, { redirect: "manual" });
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}
