// As stall.ts, for what programs do and what they leave: ends, logs, a long history.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Sqlite from "better-sqlite3";
import { encode } from "./kit/connection.ts";
import { drain } from "./kit/drain.ts";
import { isQuick } from "./kit/figure.ts";
import { countJobs } from "./kit/jobs.ts";
import { watchDaemon } from "./kit/stall-watch.ts";
import { until } from "./kit/until.ts";

const FINISHED = isQuick ? 100_000 : 1_000_000;
const AT_ONCE = isQuick ? 200 : 1_000;
const FOLLOWERS = 200;
const LOG_BYTES = isQuick ? 100e6 : 1e9;

const { home, daemon, start, stop, ask, watch } = watchDaemon();
fs.mkdirSync(home, { recursive: true });
// All of a log stays in one file.
fs.writeFileSync(path.join(home, "config.yaml"), "logMaxBytes: 8GiB\n");
const gate = path.join(home, "gate");
execFileSync("mkfifo", [gate]);

await start("a new daemon, once it listens");
const { id: first } = await run("true");
await untilDone(1);
await stop();
addFinished(first, FINISHED);
await start(`a daemon that is started again, ${FINISHED} finished`);
const many = `, ${FINISHED} finished`;
await watch(`orch history -n 100000${many}`, () => ask("GET", "/history?limit=100000"));
await watch(`orch history --trace${many}`, () => drain(daemon().socket, encode("GET", "/history/trace")));
await watch(`orch ls -n 10000 --all${many}`, () => ask("GET", "/jobs?limit=10000&states=succeeded"));
const order = encodeURIComponent("-submittedAt");
await watch(`orch ls -n 10000 --sort${many}`, () => ask("GET", `/jobs?limit=10000&sort=${order}`));
const filter = encodeURIComponent("summary ~ nothing");
await watch(`orch ls --filter${many}`, () => ask("GET", `/jobs?limit=50&filter=${filter}`));

await watch(`${AT_ONCE} commands that start at once`, async () => {
  const commands = { command: ["sh", "-c", `read line < ${gate}`], cwd: home, env: {}, gpus: 0, cpus: 1 };
  await ask("POST", "/jobs/run-array", { ...commands, options: {}, array: `1-${AT_ONCE}` });
  await until("all run", async () => (await counts())["running"] === AT_ONCE, { deadlineMs: 300_000 });
});
await watch(`${AT_ONCE} commands that end at once`, async () => {
  const before = (await counts())["running"] ?? 0;
  if (before === 0) return;
  fs.closeSync(fs.openSync(gate, "r+"));
  await until("all have ended", async () => ((await counts())["running"] ?? 0) === 0, {
    deadlineMs: 300_000,
  });
});

const { id: talker } = await run("while :; do echo a line of a log; sleep 0.01; done");
await until("it talks", () => logFile(talker) !== null);
await watch(`${FOLLOWERS} followers of a log`, () => followers(`/jobs/${talker}/logs?follow=true`));
await watch(`${FOLLOWERS} followers of a job and its log`, () =>
  followers(`/follow?jobs=${talker}&logs=true`),
);
await ask("POST", `/jobs/${talker}/cancel`, {});

const { id: writer } = await run(`yes 'a line of a very long log, and what it says' | head -c ${LOG_BYTES}`);
await until("it is written", async () => ((await counts())["running"] ?? 0) === 0, { deadlineMs: 300_000 });
const logs = (query: string) => () => drain(daemon().socket, encode("GET", `/jobs/${writer}/logs?${query}`));
const size = `${LOG_BYTES / 1e6} MB`;
await watch(`orch logs, ${size}`, logs(""));
await watch(`orch logs --grep, ${size}`, logs("grep=nothing"));
await watch(`orch logs --lines --grep, ${size}`, logs("lines=true&grep=nothing&ignoreCase=true"));
await watch(`orch logs --tail, ${size}`, logs("tail=100000"));
await daemon().stop();

function run(script: string): Promise<{ id: number }> {
  const command = { command: ["sh", "-c", script], cwd: home, env: { PATH: process.env["PATH"] }, gpus: 0 };
  return ask("POST", "/jobs/run", { ...command, options: {} });
}

async function counts(): Promise<Record<string, number>> {
  const connection = await daemon().connect();
  const found = await countJobs(connection);
  connection.close();
  return found;
}

function untilDone(jobs: number): Promise<unknown> {
  return until("jobs succeed", async () => ((await counts())["succeeded"] ?? 0) >= jobs);
}

function logFile(job: number): string | null {
  const file = path.join(home, "state", "jobs", String(Math.floor(job / 1000)), String(job), "attempt-1.log");
  return fs.existsSync(file) ? file : null;
}

async function followers(route: string): Promise<void> {
  const all = Array.from({ length: FOLLOWERS }, () => drain(daemon().socket, encode("GET", route), 20_000));
  await Promise.race([Promise.all(all), sleep(30_000)]);
}

/** Puts copies of a finished job into the database of a daemon that does not run. */
function addFinished(job: number, count: number): void {
  const db = new Sqlite(path.join(home, "state", "orch.db"));
  const columns = (table: string): string[] =>
    db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all() as string[];
  const others = (table: string, key: string): string =>
    columns(table)
      .filter((name) => name !== key)
      .map((name) => `"${name}"`)
      .join(", ");
  const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";
  db.pragma("synchronous = OFF");
  db.prepare(
    `INSERT INTO jobs (id, ${others("jobs", "id")}) ${numbers} SELECT ? + i, ${others("jobs", "id")} FROM n, jobs WHERE id = ?`,
  ).run(count, job, job);
  db.prepare("UPDATE counters SET n = n + ? WHERE state = 'succeeded'").run(count);
  db.close();
}
