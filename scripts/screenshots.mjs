// `node scripts/screenshots.mjs [top | dashboard]`: draws the pictures of docs/pictures from the real program, at GPUs of a driver that is
// played by the tests' stand-in. Needs tmux, a C compiler and chromium.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { toSvg } from "./ansi-svg.mjs";
import { buildMissing } from "./install.mjs";
import { addModels, submitAll, submitEval } from "./picture-work.mjs";
import { configureDashboard, drawDashboard } from "./screenshots-dashboard.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const home = fs.mkdtempSync(path.join(os.tmpdir(), "orch-pictures-"));
const pictures = path.join(root, "docs/pictures");
const bin = process.env.ORCH_PICTURE_BIN ?? path.join(root, "bin/orch");
const scenario = path.join(home, "scenario");
/** "top" or "dashboard"; both when left out. */
const wanted = process.argv[2];
const GIB = 2 ** 30;
const gpus = [0, 1, 2, 3].map((index) => ({
  uuid: `GPU-0${index}a1b2c3-0000-4000-8000-000000000000`,
  name: "NVIDIA H100 80GB HBM3",
}));
const env = {
  ...process.env,
  ORCH_HOME: home,
  ORCH_SOCKET: "",
  ORCH_GPUS: "",
  ORCH_NVML_LIBRARY: path.join(home, "libnvidia-ml.so.1"),
  ORCH_FAKE_NVML: scenario,
  LANG: "C.UTF-8",
  TERM: "xterm-256color",
  TMUX_TMPDIR: home,
};

if (process.env.ORCH_PICTURE_BIN === undefined) buildMissing();
fs.mkdirSync(pictures, { recursive: true });
try {
  await start();
  if (wanted !== "dashboard") await drawTop();
  const tick = (second) => play(workersOf(), second);
  if (wanted !== "top") await drawDashboard({ orch, tick, submitMore: () => submitAll(orch), pictures });
} finally {
  tmux("kill-server");
  orch("down", "--kill");
  fs.rmSync(home, { recursive: true, force: true });
}

/** A daemon with work on its GPUs. */
async function start() {
  configureDashboard(home);
  makeDriver();
  play([]);
  addModels(home);
  orch("up");
  submitAll(orch);
  await sleep(6_000);
}

/** The screen of `orch top`, its details of a job, and a small one. */
async function drawTop() {
  const screen = open("top", 132, 42);
  screen.type("orch top", "Enter");
  for (let second = 0; second < 24; second++) {
    play(workersOf(), second);
    if (second === 18) submitEval(orch);
    await sleep(1_000);
  }
  save("top", screen.capture(), 132, "orch top: GPUs, workers, running jobs, queue and events");
  screen.type("3", "j", "Enter");
  await sleep(1_500);
  save("top-detail", screen.capture(), 132, "orch top: details of a job, with its log as it grows");
  const wide = open("wide", 200, 50);
  wide.type("orch top", "Enter");
  await sleep(4_000);
  save("top-wide", wide.capture(), 200, "orch top on a wide terminal");
  const small = open("small", 80, 24);
  small.type("orch top", "Enter");
  await sleep(3_000);
  save("top-small", small.capture(), 80, "orch top on 80 columns and 24 rows");
}

function makeDriver() {
  const source = path.join(root, "test/fixtures/nvml/fake-nvml.c");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", env.ORCH_NVML_LIBRARY, source]);
}

function workersOf() {
  return JSON.parse(orch("workers", "ls", "--json")).workers;
}

/** What the driver says at this second: each worker holds most of what it has reserved, and one stranger is there. */
function play(workers, second = 0) {
  const processes = workers.flatMap(({ pid, gpus: own, vramBytes, state }) =>
    pid === null || state === "starting"
      ? []
      : own.map((uuid) => ({
          gpu: gpus.findIndex((gpu) => gpu.uuid === uuid),
          pid,
          bytes: Math.round((vramBytes ?? 71 * GIB) * 0.83),
          isBusy: state === "busy",
        })),
  );
  const strange = { gpu: 3, pid: process.pid, bytes: 9 * GIB, isBusy: false };
  const all = workers.length === 0 ? [] : [...processes, strange];
  const lines = gpus.map(({ uuid, name }, index) => {
    const used = all.filter(({ gpu }) => gpu === index).reduce((sum, { bytes }) => sum + bytes, 0);
    return `gpu ${uuid} ${80 * GIB} ${used} 0 1 ${name}`;
  });
  for (const [index] of gpus.entries()) {
    const isBusy = all.some((each) => each.gpu === index && each.isBusy);
    const wave = Math.round(18 * Math.sin(second / (2 + index)) + 9 * Math.sin(second * 1.7 + index));
    const percent = isBusy ? Math.max(3, Math.min(100, [96, 71, 58, 38][index] + wave)) : 0;
    lines.push(
      `sense ${index} ${percent} ${Math.round(37 + percent * 0.42)} ${Math.round(78_000 + percent * 5_600)}`,
    );
  }
  for (const { gpu, pid, bytes } of all) lines.push(`proc ${gpu} ${pid} ${bytes}`);
  fs.writeFileSync(`${scenario}.new`, `init 0\ncount 0\n${lines.join("\n")}\n`);
  fs.renameSync(`${scenario}.new`, scenario);
}

function orch(...args) {
  const words = [bin, ...args];
  return execFileSync(process.execPath, words, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    cwd: home,
  });
}

function tmux(...args) {
  try {
    return execFileSync("tmux", ["-f", "/dev/null", ...args], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}

function open(name, columns, rows) {
  fs.mkdirSync(path.join(home, "bin"), { recursive: true });
  fs.writeFileSync(path.join(home, "bin/orch"), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`, {
    mode: 0o755,
  });
  const shell = ["env", `PATH=${home}/bin:${process.env.PATH}`, "TERM=xterm-256color", "bash", "--norc"];
  tmux("new-session", "-d", "-s", name, "-x", String(columns), "-y", String(rows), ...shell);
  return {
    type(...keys) {
      for (const key of keys) tmux("send-keys", "-t", name, key);
    },
    capture: () => tmux("capture-pane", "-e", "-p", "-t", name),
  };
}

function save(name, screen, columns, title) {
  // The picture is of no host in particular.
  const host = os.hostname().split(".")[0];
  const shown = screen.replace(host, "gpu1".padEnd(host.length).slice(0, Math.max(4, host.length)));
  fs.writeFileSync(path.join(pictures, `${name}.svg`), toSvg(shown, { columns, title }));
  process.stdout.write(`docs/pictures/${name}.svg\n`);
}
