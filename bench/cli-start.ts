// How long a whole `orch submit` and `orch ls` take, next to a Node process that does nothing.
import { spawn } from "node:child_process";
import { startDaemon } from "./kit/daemon.ts";
import { milliseconds, report } from "./kit/figure.ts";
import { submitMany } from "./kit/jobs.ts";
import { orchBin } from "./kit/orch-bin.ts";
import { installNoop } from "./kit/runtimes.ts";
import { median } from "./kit/statistics.ts";

const ROUNDS = 21;
const TARGET = 1.5;

const daemon = await startDaemon();
installNoop(daemon.home, { name: "noop", slots: 1, timesFile: null });
const connection = await daemon.connect();
await submitMany(connection, { runtime: "noop", count: 50, hold: true });

const commands = {
  "node -e 0": ["-e", "0"],
  "orch submit -q": [orchBin, "submit", "noop", "--prompt", "a fox in the snow", "--hold", "-q"],
  "orch ls": [orchBin, "ls"],
};
const times = new Map(Object.keys(commands).map((name): [string, number[]] => [name, []]));
// Interleaved, so that whatever else the machine does falls on all of them alike.
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, args] of Object.entries(commands)) {
    const tookMs = await timeProcess(args);
    if (round > 0) times.get(name)?.push(tookMs); // The first round warms the page cache.
  }
}
const baselineMs = median(times.get("node -e 0") ?? []);
for (const name of ["orch submit -q", "orch ls"]) {
  const tookMs = median(times.get(name) ?? []);
  report({
    name: `${name}, whole process`,
    target: `≤ ${TARGET} × node -e 0`,
    measured: `${(tookMs / baselineMs).toFixed(2)} × (${milliseconds(tookMs)})`,
    met: tookMs <= TARGET * baselineMs,
    baseline: `node -e 0: ${milliseconds(baselineMs)}`,
  });
}
connection.close();
await daemon.stop();

function timeProcess(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const child = spawn(process.execPath, args, { env: daemon.env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += String(chunk);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve(performance.now() - startMs);
      else reject(new Error(`${args.join(" ")} ended with ${code}: ${said}`));
    });
  });
}
