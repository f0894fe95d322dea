// Preloaded into a daemon that is measured: knows the longest times its event loop stood still, apart from what the
// daemon says of itself. On SIGUSR2 it writes them to loop-probe.json in ORCH_HOME, and begins anew.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const { isMainThread } = require("node:worker_threads");
const { performance, PerformanceObserver } = require("node:perf_hooks");

const TICK_MS = 2;
const KEPT = 200;

if (isMainThread && process.argv[2] === "daemon" && process.env.ORCH_HOME)
  watch(`${process.env.ORCH_HOME}/loop-probe.json`);

function watch(file) {
  // Of the main thread: nanoseconds on a core, and nanoseconds it waited for one.
  const schedstat = fs.openSync(`/proc/${process.pid}/schedstat`);
  const buffer = Buffer.alloc(64);
  const times = () => {
    const [cpuNs, waitedNs] = buffer
      .latin1Slice(0, fs.readSync(schedstat, buffer, 0, buffer.length, 0))
      .split(" ");
    return { atMs: performance.now(), cpuMs: Number(cpuNs) / 1e6, waitedMs: Number(waitedNs) / 1e6 };
  };
  let blocks = [];
  let pauses = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration, detail } of list.getEntries())
      if (duration > 1) pauses.push({ startTime, duration, kind: detail.kind });
  }).observe({ entryTypes: ["gc"] });
  let last = times();
  const tick = () => {
    const now = times();
    const wallMs = now.atMs - last.atMs - TICK_MS;
    const block = {
      fromMs: last.atMs,
      wallMs,
      cpuMs: Math.min(now.cpuMs - last.cpuMs, wallMs + TICK_MS),
      waitedMs: now.waitedMs - last.waitedMs,
    };
    last = now;
    if (wallMs > 5) blocks.push(block);
    if (blocks.length > KEPT)
      blocks = blocks.toSorted((left, right) => right.cpuMs - left.cpuMs).slice(0, KEPT / 2);
  };
  setInterval(tick, TICK_MS).unref();
  // Before it listens it keeps nobody waiting.
  const { emit } = net.Server.prototype;
  net.Server.prototype.emit = function (name, ...given) {
    if (name === "listening") {
      net.Server.prototype.emit = emit;
      tick();
      blocks = [];
      pauses = [];
    }
    return emit.call(this, name, ...given);
  };
  process.on("SIGUSR2", () => {
    tick();
    // What the collector did is told a turn later.
    setImmediate(() => {
      const gcMs = ({ fromMs, wallMs }) =>
        pauses
          .filter(({ startTime }) => startTime >= fromMs && startTime <= fromMs + wallMs + TICK_MS)
          .reduce((sum, { duration }) => sum + duration, 0);
      const told = blocks.map((block) => ({ ...block, gcMs: gcMs(block) }));
      const longestGcMs = Math.max(0, ...pauses.map(({ duration }) => duration));
      blocks = [];
      pauses = [];
      fs.writeFileSync(`${file}.new`, JSON.stringify({ blocks: told, longestGcMs }));
      fs.renameSync(`${file}.new`, file);
    });
  });
}
