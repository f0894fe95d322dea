// `orch run -- true`, submitted through the socket and measured until all have ended.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { driveClients } from "./kit/clients.ts";
import { encode } from "./kit/connection.ts";
import { makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, perSecond, report } from "./kit/figure.ts";
import { untilSucceeded } from "./kit/jobs.ts";

const SLOTS = 16;
const TARGET = 300;
const count = isQuick ? 500 : 2000;

const daemon = await startDaemon({ env: { ORCH_CPU_CORES: String(SLOTS) } });
const connection = await daemon.connect();
const request = encode("POST", "/jobs/run", { command: ["true"], cwd: "/", env: process.env });
const warmUp = 100;
await driveClients(daemon, { count: 8, total: warmUp, request });
await untilSucceeded(connection, warmUp);
const startMs = performance.now();
await driveClients(daemon, { count: 8, total: count, request });
await untilSucceeded(connection, warmUp + count);
const rate = (count / (performance.now() - startMs)) * 1000;
connection.close();
await daemon.stop();

const spawned = await spawnRate();
const spooled = spoolRate();
report({
  name: `orch run -- true, ${SLOTS} at once`,
  target: `≥ ${TARGET} /s`,
  measured: perSecond(rate),
  met: rate >= TARGET,
  baseline: `tsp: ${spooled === null ? "not installed" : perSecond(spooled)}; bare spawn: ${perSecond(spawned)}`,
});

/** Node alone, as many children at once. */
async function spawnRate(): Promise<number> {
  const total = count / 2;
  let left = total;
  const spawnAll = async (): Promise<void> => {
    while (left-- > 0)
      await new Promise((resolve) =>
        spawn("true", { stdio: "ignore", detached: true }).once("exit", resolve),
      );
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: SLOTS }, spawnAll));
  return (total / (performance.now() - startedMs)) * 1000;
}

/** task-spooler, whose client is a program of its own; null where it is not installed. */
function spoolRate(): number | null {
  const dir = makeHome();
  const env = { ...process.env, TS_SOCKET: `${dir}/tsp.sock`, TMPDIR: dir, TS_SLOTS: String(SLOTS) };
  const tsp = (...args: string[]) => spawnSync("tsp", args, { env, stdio: "ignore" });
  try {
    if (tsp("-S", String(SLOTS)).error !== undefined) return null;
    const total = Math.ceil(count / 5);
    const startedMs = performance.now();
    for (let each = 0; each < total; each++) tsp("-n", "true");
    tsp("-w");
    const tookMs = performance.now() - startedMs;
    tsp("-K");
    return (total / tookMs) * 1000;
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}
