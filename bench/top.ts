// What `orch top` costs while little happens, at two looks a second: 8 GPUs, 30 idle workers whose keep-alive counts
// down, one job that runs and 100,000 that wait. And how soon it shows something.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type IPty, spawn } from "node-pty";
import { call, encode } from "./kit/connection.ts";
import { startDaemon } from "./kit/daemon.ts";
import { isQuick, milliseconds, report } from "./kit/figure.ts";
import { submitMany } from "./kit/jobs.ts";
import { orchBin } from "./kit/orch-bin.ts";
import { installNoop } from "./kit/runtimes.ts";
import { median } from "./kit/statistics.ts";
import { until } from "./kit/until.ts";

const JOBS = isQuick ? 10_000 : 100_000;
const WORKERS = 30;
const WATCH_MS = isQuick ? 6_000 : 20_000;
/** After the first frames its code is compiled and the screen stands. */
const SETTLE_MS = 4_000;
const ROUNDS = isQuick ? 5 : 11;
const MAX_BYTES = 1_000;
const MAX_CPU_PERCENT = 3;
const MAX_PAINT = 2.5;
/** Every frame begins with it, see terminal/canvas.ts. */
const FRAME = "\u001b[?2026h";

const daemon = await startDaemon({ gpus: "virtual:8x80GiB" });
const connection = await daemon.connect();
await fill();
for (const [columns, rows] of [
  [80, 24],
  [200, 60],
] as const)
  await watchIdle(columns, rows);
await timePaint();
connection.close();
await daemon.stop();

async function fill(): Promise<void> {
  for (let index = 0; index < WORKERS; index++) installShared(`model-${index}`);
  installSlow();
  for (let index = 0; index < WORKERS; index++)
    await call(connection, encode("POST", "/workers/start", { runtime: `model-${index}`, params: {} }));
  await submitMany(connection, { runtime: "slow", count: JOBS });
  await until("all workers are ready", async () => {
    const { workers } = await call<{ workers: { state: string }[] }>(connection, encode("GET", "/workers"));
    return workers.filter(({ state }) => state === "ready" || state === "busy").length > WORKERS;
  });
}

function installShared(name: string): void {
  installNoop(daemon.home, { name, slots: 1, timesFile: null, vram: "8GiB" });
  const file = path.join(daemon.home, "runtimes", name, "runtime.yaml");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace("mode: exclusive", "mode: shared"));
}

/** Its first job runs for ever, the others wait for it. */
function installSlow(): void {
  installNoop(daemon.home, { name: "slow", slots: 1, timesFile: null });
  const file = path.join(daemon.home, "runtimes", "slow", "handler.py");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replace('note("running")', "time.sleep(100000)"));
}

async function watchIdle(columns: number, rows: number): Promise<void> {
  const { pty, seen } = open(columns, rows);
  await until("the queue is shown", () => seen.text.includes("slow"));
  await pause(SETTLE_MS);
  const before = { cpuMs: cpuMs(pty.pid), bytes: seen.bytes, frames: seen.frames, atMs: performance.now() };
  await pause(WATCH_MS);
  const tookMs = performance.now() - before.atMs;
  const percent = ((cpuMs(pty.pid) - before.cpuMs) / tookMs) * 100;
  const frames = Math.max(1, seen.frames - before.frames);
  const bytes = (seen.bytes - before.bytes) / frames;
  const size = `${columns} x ${rows}`;
  report({
    name: `orch top idle, ${size}, output`,
    target: `≤ ${MAX_BYTES} bytes a frame`,
    measured: `${Math.round(bytes)} bytes`,
    met: bytes <= MAX_BYTES,
    baseline: `${frames} frames; whole screen: ${columns * rows} cells`,
  });
  report({
    name: `orch top idle, ${size}, CPU`,
    target: `≤ ${MAX_CPU_PERCENT} %`,
    measured: `${percent.toFixed(2)} % at 2 Hz`,
    met: percent <= MAX_CPU_PERCENT,
    baseline: `of one core; ${seen.clears} clears of the scroll-back`,
  });
  await close(pty);
}

/** Bare Node, Node with Ink and all of the screen loaded, and the first frame that shows the daemon's state. */
async function timePaint(): Promise<void> {
  const bundle = pathToFileURL(path.join(path.dirname(path.dirname(orchBin)), "dist", "top.js")).href;
  const times = { node: [] as number[], load: [] as number[], paint: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const node = timeNode("0");
    const load = timeNode(`import(${JSON.stringify(bundle)})`);
    const paint = await timeFirstPaint();
    if (round === 0) continue; // Warms the page cache.
    times.node.push(node);
    times.load.push(load);
    times.paint.push(paint);
  }
  const [nodeMs, loadMs, paintMs] = [median(times.node), median(times.load), median(times.paint)];
  const mostMs = MAX_PAINT * nodeMs + (loadMs - nodeMs);
  report({
    name: "orch top, first paint",
    target: `≤ ${MAX_PAINT} × node -e 0 + Ink's load`,
    measured: milliseconds(paintMs),
    met: paintMs <= mostMs,
    baseline: `node ${milliseconds(nodeMs)} + load ${milliseconds(loadMs - nodeMs)}: ${milliseconds(mostMs)}`,
  });
}

function timeNode(code: string): number {
  const startMs = performance.now();
  spawnSync(process.execPath, ["-e", code], { stdio: "ignore" });
  return performance.now() - startMs;
}

async function timeFirstPaint(): Promise<number> {
  const startMs = performance.now();
  const { pty, seen } = open(80, 24);
  await until("it shows the daemon's state", () => seen.text.includes("live"), { pollMs: 1 });
  const tookMs = performance.now() - startMs;
  await close(pty);
  return tookMs;
}

interface Seen {
  text: string;
  bytes: number;
  frames: number;
  clears: number;
}

function open(columns: number, rows: number): { pty: IPty; seen: Seen } {
  const pty = spawn(process.execPath, [orchBin, "top", "--interval", "500ms"], {
    cols: columns,
    rows,
    env: { ...daemon.env, TERM: "xterm-256color", LANG: "C.UTF-8" },
  });
  const seen: Seen = { text: "", bytes: 0, frames: 0, clears: 0 };
  pty.onData((text) => {
    seen.text = (seen.text + text).slice(-100_000);
    seen.bytes += Buffer.byteLength(text);
    seen.frames += text.split(FRAME).length - 1;
    seen.clears += text.split("\u001b[3J").length - 1;
  });
  return { pty, seen };
}

async function close(pty: IPty): Promise<void> {
  const gone = new Promise((resolve) => pty.onExit(resolve));
  pty.write("q");
  await gone;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
