// Durable submits over the socket: from one client, from 64, and in batches.
import { driveClients } from "./kit/clients.ts";
import { encode } from "./kit/connection.ts";
import { startDaemon } from "./kit/daemon.ts";
import { openDisk, ratePerSecond } from "./kit/disk.ts";
import { isQuick, milliseconds, perSecond, report } from "./kit/figure.ts";
import { encodeBatch } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";
import { median, quantile } from "./kit/statistics.ts";

const CLIENTS = 64;
const BATCH = 1000;
const ROUNDS = isQuick ? 3 : 7;
const SLICE_MS = 250;

const daemon = await startDaemon();
installNoop(daemon.home, { name: "noop", slots: 1, timesFile: null });
// What is measured is the submit: nothing is to run meanwhile.
const job = { runtime: "noop", params: { prompt: "a fox in the snow" }, options: { hold: true } };
const request = encode("POST", "/jobs", job);
const batch = encodeBatch("noop", BATCH, true);
await driveClients(daemon, { count: 8, total: 2000, request }); // Warms the compiler and the caches.

// In turns: a disk that others use, too, is not the same from one second to the next.
const disk = openDisk();
const single: number[] = [];
const commits: number[] = [];
const many: number[] = [];
const batches: number[] = [];
const rows: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  single.push(...(await driveClients(daemon, { count: 1, total: 250, request })).latenciesMs);
  commits.push(...disk.commits(SLICE_MS));
  many.push((await driveClients(daemon, { count: CLIENTS, total: 4000, request })).perSecond);
  batches.push((await driveClients(daemon, { count: 2, total: 10, request: batch })).perSecond * BATCH);
  rows.push(disk.rowsPerSecond(SLICE_MS));
}
disk.close();
await daemon.stop();

const p50Ms = median(single);
report({
  name: "durable submit, one client, p50",
  target: "≤ 1 ms",
  measured: `${milliseconds(p50Ms)} (p99 ${milliseconds(quantile(single, 0.99))})`,
  met: p50Ms <= 1,
  baseline: `bare SQLite commit: p50 ${milliseconds(median(commits))}, p99 ${milliseconds(quantile(commits, 0.99))}`,
});
report({
  name: `acknowledged submits from ${CLIENTS} clients`,
  target: "≥ 5,000 /s",
  measured: perSecond(median(many)),
  met: median(many) >= 5000,
  baseline: `bare SQLite, one row a commit: ${perSecond(ratePerSecond(commits))}`,
});
report({
  name: `submits in batches of ${BATCH}`,
  target: "≥ 20,000 /s",
  measured: perSecond(median(batches)),
  met: median(batches) >= 20_000,
  baseline: `bare SQLite, ${BATCH} rows a commit: ${perSecond(median(rows))}`,
});
