// Durable submits over the socket: from one client, from 64, and in batches.
import { driveClients } from "./kit/clients.ts";
import { encode } from "./kit/connection.ts";
import { startDaemon } from "./kit/daemon.ts";
import { measureDisk } from "./kit/disk.ts";
import { isQuick, milliseconds, perSecond, report } from "./kit/figure.ts";
import { encodeBatch } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";
import { quantile } from "./kit/statistics.ts";

const CLIENTS = 64;
const BATCH = 1000;
const scale = isQuick ? 0.25 : 1;

const daemon = await startDaemon();
installNoop(daemon.home, { name: "noop", slots: 1, timesFile: null });
const request = encode("POST", "/jobs", {
  runtime: "noop",
  params: { prompt: "a fox in the snow" },
  options: { hold: true }, // What is measured is the submit: nothing is to run meanwhile.
});
await driveClients(daemon, { count: 8, total: 1000, request }); // Warms the compiler and the caches.

const disk = measureDisk();
const single = await driveClients(daemon, { count: 1, total: 1500 * scale, request });
const p50Ms = quantile(single.latenciesMs, 0.5);
report({
  name: "durable submit, one client, p50",
  target: "≤ 1 ms",
  measured: `${milliseconds(p50Ms)} (p99 ${milliseconds(quantile(single.latenciesMs, 0.99))})`,
  met: p50Ms <= 1,
  baseline: `bare SQLite commit: p50 ${milliseconds(disk.commitP50Ms)}, p99 ${milliseconds(disk.commitP99Ms)}`,
});

const many = await driveClients(daemon, { count: CLIENTS, total: 20_000 * scale, request });
report({
  name: `acknowledged submits from ${CLIENTS} clients`,
  target: "≥ 5,000 /s",
  measured: `${perSecond(many.perSecond)} (p99 ${milliseconds(quantile(many.latenciesMs, 0.99))})`,
  met: many.perSecond >= 5000,
  baseline: `bare SQLite, one row a commit: ${perSecond(disk.commitsPerSecond)}`,
});

const batches = await driveClients(daemon, {
  count: 2,
  total: 60 * scale,
  request: encodeBatch("noop", BATCH, true),
});
report({
  name: `submits in batches of ${BATCH}`,
  target: "≥ 20,000 /s",
  measured: perSecond(batches.perSecond * BATCH),
  met: batches.perSecond * BATCH >= 20_000,
  baseline: `bare SQLite, ${BATCH} rows a commit: ${perSecond(disk.rowsPerSecond)}`,
});
await daemon.stop();
