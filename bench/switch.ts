// What orch adds to a switch: everything between the submit and the run that is not the new program's own loading.
import fs from "node:fs";
import path from "node:path";
import { type Connection, call, encode } from "./kit/connection.ts";
import { makeHome, startDaemon } from "./kit/daemon.ts";
import { isQuick, milliseconds, report } from "./kit/figure.ts";
import { untilSucceeded } from "./kit/jobs.ts";
import { installNoop } from "./kit/runtimes.ts";
import { median, quantile } from "./kit/statistics.ts";
import { until } from "./kit/until.ts";

const SWITCHES = isQuick ? 6 : 16;
const TARGET_MS = 100;
const NAMES = ["left", "right"] as const;

const home = makeHome();
const timesFile = path.join(home, "times");
fs.writeFileSync(timesFile, "");
for (const name of NAMES) installNoop(home, { name, slots: 1, timesFile });
const daemon = await startDaemon({ home });
const connection = await daemon.connect();
const addedMs: number[] = [];
const ownMs: number[] = [];
for (let turn = 0; turn <= SWITCHES; turn++) {
  const before = readTimes().length;
  const submittedAtMs = Date.now();
  await runOne(connection, NAMES[turn % 2] ?? "left", turn + 1);
  const times = readTimes().slice(before);
  const at = (what: string): number => times.find((entry) => entry.what === what)?.atMs ?? Number.NaN;
  if (turn === 0) continue; // The first one only fills the GPU.
  const loadingMs = at("loaded") - at("started");
  ownMs.push(loadingMs);
  addedMs.push(at("running") - submittedAtMs - loadingMs);
}
report({
  name: "switch, beyond the programs' own time",
  target: `≤ ${TARGET_MS} ms`,
  measured: `${milliseconds(median(addedMs))} (worst ${milliseconds(quantile(addedMs, 1))})`,
  met: median(addedMs) <= TARGET_MS,
  baseline: `loading of the new worker: ${milliseconds(median(ownMs))}`,
});
connection.close();
await daemon.stop();

async function runOne(to: Connection, runtime: string, succeeded: number): Promise<void> {
  await call(to, encode("POST", "/jobs", { runtime, params: {} }));
  await untilSucceeded(to, succeeded);
  // What the worker wrote is complete once its run is on record.
  await until("the worker has written its times", () =>
    readTimes().some((entry) => entry.what === "running"),
  );
}

function readTimes(): { atMs: number; what: string }[] {
  return fs
    .readFileSync(timesFile, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [atMs = "", , what = ""] = line.split(" ");
      return { atMs: Number(atMs), what };
    });
}
