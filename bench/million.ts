// A million queued jobs: what they cost in time and memory, next to an empty queue.
import { driveClients } from "./kit/clients.ts";
import { type Connection, call, encode } from "./kit/connection.ts";
import { type Daemon, type DaemonOptions, makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, megabytes, perSecond, report } from "./kit/figure.ts";
import { countJobs, encodeBatch, submitMany, untilSucceeded } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";
import { until } from "./kit/until.ts";

const QUEUED = isQuick ? 100_000 : 1_000_000;
const SLOTS = 32;
const COMMANDS = isQuick ? 200 : 500;
const JOBS = isQuick ? 1000 : 4000;
const SUBMITS = isQuick ? 2000 : 8000;
const MAX_RSS_BYTES = 400e6;
// The jobs of "big" fit on the second GPU only, and that is taken; "noop" works on the first one meanwhile.
const options: DaemonOptions = {
  gpus: "virtual:1x8GiB,1x24GiB",
  home: makeHome(),
  env: { ORCH_CPU_CORES: "16" },
};
const label = QUEUED.toLocaleString("en-US");
const submit = encode("POST", "/jobs", {
  runtime: "big",
  params: { prompt: "a fox in the snow" },
  options: {},
});
const command = encode("POST", "/jobs/run", { command: ["true"], cwd: "/", env: process.env });

const daemon = await startDaemon(options);
const home = daemon.home;
installNoop(home, { name: "noop", slots: SLOTS, timesFile: null });
installNoop(home, { name: "big", slots: SLOTS, timesFile: null, vram: "16GiB" });
const connection = await daemon.connect();
const blocker = await occupySecondGpu(connection);
let succeeded = 0;
// Both sides of a comparison with the compiler warmed up alike.
await driveClients(daemon, { count: 64, total: SUBMITS, request: submit });
await runNoops(connection, JOBS);
await runCommands(COMMANDS);

const empty = await measure();
const fillRate = await fill(daemon);
const full = await measure();
const rssBytes = daemon.rssBytes();
compare("submits", empty.submits, full.submits);
compare("no-op jobs", empty.runs, full.runs);
compare("orch run -- true", empty.commands, full.commands);
report({
  name: `memory of the daemon, ${label} queued`,
  target: "< 400 MB",
  measured: `${megabytes(rssBytes)} (peak ${megabytes(daemon.peakRssBytes())})`,
  met: rssBytes < MAX_RSS_BYTES,
  baseline: `filled in batches at ${perSecond(fillRate)}`,
});

// Out of the long queue itself, once its GPU is free.
await call(connection, encode("POST", `/jobs/${blocker}/cancel`, {}));
const drained = await drainRate(connection);
compare("no-op jobs out of that queue", empty.runs, drained);
connection.close();
await daemon.stop({ keepHome: true });

const again = await startDaemon(options);
report({
  name: `restart with ${label} queued`,
  target: "(for information)",
  measured: `${(again.startMs / 1000).toFixed(1)} s to the first answer`,
  met: null,
  baseline: `memory then: ${megabytes(again.rssBytes())} (peak ${megabytes(again.peakRssBytes())})`,
});
await again.stop();

async function measure(): Promise<{ submits: number; runs: number; commands: number }> {
  const { perSecond: submits } = await driveClients(daemon, { count: 64, total: SUBMITS, request: submit });
  return { submits, runs: await runNoops(connection, JOBS), commands: await runCommands(COMMANDS) };
}

function compare(what: string, before: number, after: number): void {
  report({
    name: `${what}, ${label} queued`,
    target: "≤ 2 × an empty queue's",
    measured: `${perSecond(after)} (${(before / after).toFixed(2)} × the time)`,
    met: after * 2 >= before,
    baseline: `empty queue: ${perSecond(before)}`,
  });
}

async function occupySecondGpu(to: Connection): Promise<number> {
  const command = ["sleep", "3600"];
  const input = { command, cwd: "/", env: {}, gpus: 1, vramBytes: 20 * 2 ** 30 };
  const { id } = await call<{ id: number }>(to, encode("POST", "/jobs/run", input));
  await until("the second GPU is taken", async () => ((await countJobs(to))["running"] ?? 0) > 0);
  return id;
}

async function runNoops(to: Connection, count: number): Promise<number> {
  const startMs = performance.now();
  await submitMany(to, { runtime: "noop", count });
  succeeded += count;
  await untilSucceeded(to, succeeded);
  return (count / (performance.now() - startMs)) * 1000;
}

async function runCommands(count: number): Promise<number> {
  const startMs = performance.now();
  await driveClients(daemon, { count: 8, total: count, request: command });
  succeeded += count;
  await untilSucceeded(connection, succeeded);
  return (count / (performance.now() - startMs)) * 1000;
}

async function fill(into: Daemon): Promise<number> {
  const request = encodeBatch("big", 1000, false);
  const { perSecond: batches } = await driveClients(into, { count: 2, total: QUEUED / 1000, request });
  return batches * 1000;
}

/** From the first job that ended to as many more as the other figures count. */
async function drainRate(from: Connection): Promise<number> {
  const begun = async (): Promise<number | false> => {
    const count = (await countJobs(from))["succeeded"] ?? 0;
    return count > succeeded + SLOTS && count;
  };
  const first = await until("the long queue moves", begun);
  const startMs = performance.now();
  let last = first;
  await until("jobs of the long queue end", async () => {
    last = (await countJobs(from))["succeeded"] ?? 0;
    return last >= first + JOBS;
  });
  return ((last - first) / (performance.now() - startMs)) * 1000;
}
