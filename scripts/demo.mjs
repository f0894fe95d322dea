// `npm run demo`: the main job on real input. Two language models are trained from two books through GPU-leased jobs,
// then twelve generation jobs alternate between them on a GPU that holds one model at a time. Leaves nothing behind.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { buildMissing, installMissing } from "./install.mjs";
import { chart, leasesOf, overlaps, switchesOf } from "./timeline.mjs";

installMissing();
buildMissing();

const root = fileURLToPath(new URL("..", import.meta.url));
const home = fs.mkdtempSync(path.join(os.tmpdir(), "orch-demo-"));
const env = { ...process.env, ORCH_HOME: home, ORCH_SOCKET: "", ORCH_GPUS: "" };
const books = [
  {
    name: "newton",
    file: "newton-opticks.txt",
    prompts: ["The Light ", "If the Rays ", "By this Experiment "],
  },
  { name: "twain", file: "twain-tom-sawyer.txt", prompts: ["Tom said ", "The boys ", "Huck was "] },
];
const startedAtMs = Date.now();

/** Runs orch and gives what it prints; a failure of it ends the demo. */
const orch = (...args) =>
  execFileSync(process.execPath, [path.join(root, "bin/orch"), ...args], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
const json = (...args) => JSON.parse(orch(...args, "--json"));
const say = (text = "") => process.stdout.write(`${text}\n`);

let watcher;
process.once("SIGINT", () => finish(130));
try {
  await main();
  finish(0);
} catch (error) {
  process.stderr.write(`error: the demo failed: ${error.message}\n`);
  finish(1);
}

async function main() {
  const gpus = startDaemon();
  const events = watch();
  say(`\n1. Train one model per book, each job with a lease on the GPU\n`);
  const trainings = books.map(({ name, file }) =>
    Number(
      orch(
        "submit",
        "charlm-train",
        "--text",
        path.join(root, "examples/texts", file),
        "--name",
        name,
        "--label",
        name,
        "-q",
      ),
    ),
  );
  await untilDone(trainings);
  const models = trainings.map((id) => {
    const { output, artifacts, label } = json("show", String(id));
    say(
      `   ${label}: held-out perplexity ${output.perplexity.toFixed(2)} per character (${output.bitsPerCharacter.toFixed(2)} bits), ${output.characters} characters read`,
    );
    return artifacts.find((artifact) => artifact.name.endsWith(".charlm")).path;
  });

  say(`\n2. Twelve generation jobs, alternating between the two models\n`);
  const firstSeq = events.at(-1)?.seq ?? 0;
  const batch = Array.from({ length: 12 }, (_, turn) => {
    const book = books[turn % 2];
    const params = {
      model: models[turn % 2],
      prompt: book.prompts[Math.floor(turn / 2) % book.prompts.length],
      length: 160,
      seed: turn,
    };
    return JSON.stringify({ runtime: "charlm", params, options: { label: book.name } });
  });
  const batchFile = path.join(home, "batch.jsonl");
  fs.writeFileSync(batchFile, `${batch.join("\n")}\n`);
  const jobs = orch("submit", "--batch", batchFile, "-q").trim().split("\n").map(Number);
  await untilDone(jobs);

  say(`\n3. What they wrote\n`);
  for (const id of jobs) {
    const { label, output } = json("show", String(id));
    const text = typeof output === "string" ? output : output.text;
    say(`   job ${String(id).padStart(2)} ${label.padEnd(7)} ${text.replaceAll(/\s+/g, " ").slice(0, 110)}`);
  }
  report(gpus, firstSeq);
}

/** On the host's NVIDIA GPUs if it has any, else on a virtual one that is too small for two models at once. */
function startDaemon() {
  orch("up", "-q");
  let { gpus } = json("status");
  if (gpus.length === 0) {
    orch("down", "--kill");
    orch("up", "-q", "--gpus", "virtual:1x1GiB");
    ({ gpus } = json("status"));
  }
  say(
    `orch runs on ${gpus.map((gpu) => `GPU ${gpu.index}: ${gpu.name}`).join(", ")}; everything is under ${home}`,
  );
  return gpus;
}

/** Prints what happens as it happens, and keeps it for the timeline. */
function watch() {
  const events = [];
  const shown = new Set([
    "lease-granted",
    "worker-ready",
    "worker-stopping",
    "job-started",
    "job-succeeded",
    "job-failed",
    "lease-released",
  ]);
  watcher = spawn(process.execPath, [path.join(root, "bin/orch"), "events", "-f", "--after", "0", "--json"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  readline.createInterface({ input: watcher.stdout }).on("line", (line) => {
    const event = JSON.parse(line);
    events.push(event);
    if (shown.has(event.type))
      say(`   ${seconds(Date.parse(event.at))} s  ${event.type.padEnd(16)} ${event.text}`);
  });
  return events;
}

/** Follows jobs over the socket, as any program could, and says how far they are; a job that fails ends the demo. */
async function untilDone(ids) {
  const response = await new Promise((resolve, reject) => {
    http
      .get(
        { socketPath: path.join(home, "run", "orch.sock"), path: `/api/v1/follow?jobs=${ids.join(",")}` },
        resolve,
      )
      .on("error", reject);
  });
  const quarters = new Map();
  for await (const line of readline.createInterface({ input: response })) {
    const news = JSON.parse(line);
    if (news.error) throw new Error(news.error.message);
    if (news.type === "job" && news.job.state === "failed")
      throw new Error(`job ${news.job.id}: ${news.job.reason?.text}`);
    if (news.type !== "progress") continue;
    const quarter = Math.floor(news.fraction * 4);
    if (quarter === (quarters.get(news.job) ?? 0)) continue;
    quarters.set(news.job, quarter);
    say(
      `   ${seconds()} s  progress         job ${news.job} ${Math.round(news.fraction * 100)} % ${news.text ?? ""}`,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 100)); // The event log's last lines are on their way.
}

function seconds(atMs = Date.now()) {
  return ((atMs - startedAtMs) / 1000).toFixed(2).padStart(6);
}

/** The closing timeline, and the two claims it proves. */
function report(gpus, firstSeq) {
  const events = orch("events", "--after", "0", "--json")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const leases = leasesOf(events);
  say(`\n4. Who held the GPU when\n`);
  for (const line of chart(leases, gpus)) say(`   ${line}`);
  const clashes = overlaps(leases);
  const switches = switchesOf(leases.filter((lease) => lease.seq > firstSeq));
  say(
    `\n   ${leases.length} leases, ${clashes.length} overlaps; twelve alternating jobs cost ${switches} ${switches === 1 ? "switch" : "switches"}`,
  );
  if (clashes.length > 0) throw new Error(`two leases overlapped: ${clashes.join("; ")}`);
  if (switches >= 12) throw new Error(`twelve jobs cost ${switches} switches`);
  say(`   done in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
}

function finish(code) {
  watcher?.kill();
  try {
    orch("down", "--kill", "-q");
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(code);
  }
}
