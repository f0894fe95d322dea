// What the daemon costs while nothing happens: with a worker that is ready and has nothing to do.
import { setTimeout as sleep } from "node:timers/promises";
import { startDaemon } from "./kit/daemon.ts";
import { isQuick, megabytes, report } from "./kit/figure.ts";
import { submitMany, untilSucceeded } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";

const WATCH_MS = isQuick ? 5_000 : 12_000;
const SETTLE_MS = 2_000;
const MAX_CPU_PERCENT = 1;
const MAX_RSS_BYTES = 120e6;

const daemon = await startDaemon();
installNoop(daemon.home, { name: "noop", slots: 1, timesFile: null });
const connection = await daemon.connect();
await submitMany(connection, { runtime: "noop", count: 10 });
await untilSucceeded(connection, 10);
connection.close();
await sleep(SETTLE_MS);
const cpuBeforeMs = daemon.cpuMs();
const startMs = performance.now();
await sleep(WATCH_MS);
const percent = ((daemon.cpuMs() - cpuBeforeMs) / (performance.now() - startMs)) * 100;
const rssBytes = daemon.rssBytes();
report({
  name: "idle daemon, CPU",
  target: `< ${MAX_CPU_PERCENT} %`,
  measured: `${percent.toFixed(2)} % over ${WATCH_MS / 1000} s`,
  met: percent < MAX_CPU_PERCENT,
  baseline: "of one core",
});
report({
  name: "idle daemon, memory",
  target: "< 120 MB",
  measured: megabytes(rssBytes),
  met: rssBytes < MAX_RSS_BYTES,
  baseline: `an empty Node process: ${megabytes(process.memoryUsage().rss)}`,
});
await daemon.stop();
