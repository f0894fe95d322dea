import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { createChecker } from "../kill/checker.ts";
import { type Load, startLoad } from "../kill/load.ts";
import { layOutPrograms } from "../kill/programs.ts";
import { createOrchHome, type DaemonProcess, type OrchHome } from "../kit/orch-home.ts";
import type { SmallDisk } from "../kit/small-disk.ts";
import { until } from "../kit/until.ts";
import { LEAST_READINGS, type Reading, read, trends } from "./measure.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** Between two readings. */
  readonly everyMs: number;
  /** A disk of its own for the home, so that it can be filled; null: that fault is left out. */
  readonly disk: SmallDisk | null;
  /** A new daemon begins with nothing leaked. Default: true. */
  readonly killsDaemon?: boolean;
  readonly say: (line: string) => void;
}

export interface SoakReport {
  readonly violations: readonly string[];
  readonly readings: readonly Reading[];
  readonly jobs: number;
  readonly faults: Readonly<Record<string, number>>;
}

type Fault = (soak: Soak) => Promise<void>;

interface Soak {
  readonly home: OrchHome;
  readonly load: Load;
  readonly rng: Rng;
  readonly disk: SmallDisk | null;
  daemon: DaemonProcess;
}

const GPUS = "virtual:1x1GiB";

/** One of the programs that run, or undefined. */
const anyProgram = ({ home, rng }: Soak): number | undefined => {
  const programs = home.programs();
  return programs.length === 0 ? undefined : rng.pick(programs);
};

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

/** The job that a program of a command is for; 0 = it is no command's. */
function jobOf(pid: number | undefined): number {
  try {
    return Number(/ORCH_JOB=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The state folder is on the disk that can be filled; what programs write, their ends included, is not. */
function putDatabaseOn(disk: SmallDisk, home: OrchHome): void {
  symlinkSync(disk.path, join(home.dir, "state"));
  for (const name of ["jobs", "workers"]) {
    mkdirSync(join(home.dir, "programs", name), { recursive: true });
    symlinkSync(join(home.dir, "programs", name), join(disk.path, name));
  }
}

const hold = (home: OrchHome, count: number) =>
  home.client.call("POST /jobs/run-array", {
    ...{ command: ["true"], cwd: home.dir, env: {}, gpus: 0, vramBytes: null, mode: "exclusive" as const },
    ...{ options: { hold: true, label: "flood" }, array: `1-${count}`, sweep: [] },
  });

/** What can go wrong, all the time. The seed chooses. */
const faults: Readonly<Record<string, Fault>> = {
  "daemon killed": async (soak) => {
    await soak.daemon.kill();
    soak.daemon = await soak.home.daemon("--gpus", GPUS);
  },
  "daemon stopped for a while": async ({ daemon, rng }) => {
    daemon.signal("SIGSTOP");
    await sleep(200 + rng.below(1_500));
    daemon.signal("SIGCONT");
  },
  "program stopped for a while": async (soak) => {
    const pid = anyProgram(soak);
    signal(pid, "SIGSTOP");
    await sleep(200 + soak.rng.below(800));
    signal(pid, "SIGCONT");
  },
  "command killed": async (soak) => {
    const pid = anyProgram(soak);
    const job = soak.load.promised.get(jobOf(pid));
    if (job === undefined) return;
    job.cancelAsked = true; // What comes of it now is not what its program wanted.
    signal(pid, "SIGKILL");
  },
  "disk filled": async ({ disk, rng }) => {
    disk?.fill();
    await sleep(100 + rng.below(400));
    disk?.clear();
  },
  "array made, held, cancelled": async ({ home, rng }) => {
    const { array } = await hold(home, 50 + rng.below(400));
    await home.client.call("POST /arrays/:array/hold", { array });
    await home.client.call("POST /arrays/:array/cancel", { array });
  },
  "readers come and go": async ({ home, rng }) => {
    const followers = Array.from({ length: 6 }, () => home.spawn(["events", "-f"]));
    await sleep(100 + rng.below(300));
    for (const { child } of followers) child.kill("SIGKILL");
    await Promise.all(followers.map(({ ended }) => ended));
  },
};

/**
 * Runs a daemon under load with random faults for so long. Ends at the first violation of an invariant. Readings are of
 * daemons that are ready; a kill begins a new one, so what leaks must do so faster than kills come, or on disk.
 */
export async function runSoak(bin: string, options: SoakOptions): Promise<SoakReport> {
  const { disk, say } = options;
  await using home = createOrchHome(bin, { ORCH_CPU_CORES: "4", ORCH_QUANTUM_FACTOR: "1" });
  if (disk !== null) putDatabaseOn(disk, home);
  const world = layOutPrograms(home);
  const rng = createRng(options.seed);
  const load = startLoad({ home, world, rng, clients: 2, mix: "mixed", mayBeTold: ["store/full"] });
  const checker = createChecker(home, world, load);
  const soak: Soak = { home, load, rng, disk, daemon: await home.daemon("--gpus", GPUS) };
  const counts: Record<string, number> = {};
  const readings: Reading[] = [];
  const startMs = performance.now();
  let violations: string[] = [];
  const isEnough = (): boolean =>
    performance.now() - startMs >= options.durationMs && readings.length >= LEAST_READINGS;
  try {
    for (let nextMs = 0; violations.length === 0 && !isEnough(); ) {
      const name = pickFault(rng, options);
      counts[name] = (counts[name] ?? 0) + 1;
      await faults[name]?.(soak);
      await sleep(100 + rng.below(900));
      if (!soak.daemon.isRunning())
        violations.push(`I0: the daemon ended by itself: ${soak.daemon.stderr()}`);
      violations.push(...checker.look());
      const { commands, gpuJobs } = checker.liveJobs();
      load.paused.commands = commands > 60;
      load.paused.gpuJobs = gpuJobs > 15;
      if (performance.now() - startMs < nextMs) continue;
      nextMs += options.everyMs;
      const reading = await read(soak.daemon.pid, home.database);
      readings.push(reading);
      say(rowOf(reading, startMs, load.promised.size));
    }
    await load.stop();
    if (violations.length === 0) {
      await until(
        "all jobs are over",
        () => Object.values(checker.liveJobs()).every((count) => count === 0),
        60_000,
      );
      violations = [...checker.lookAtEnd(), ...trends(readings)];
    }
  } finally {
    await load.stop();
  }
  return { violations, readings, jobs: load.promised.size, faults: counts };
}

/** Kills are rare, so that each daemon lives long enough to leak. */
function pickFault(rng: Rng, { disk, killsDaemon = true }: SoakOptions): string {
  const names = Object.keys(faults).filter(
    (name) => (disk !== null || name !== "disk filled") && (killsDaemon || name !== "daemon killed"),
  );
  const name = rng.pick(names);
  return name === "daemon killed" && !rng.chance(0.15) ? "readers come and go" : name;
}

/** Names of the columns of `rowOf`. */
export const heading = "   minute  descriptors   RSS MB   WAL MB  zombies     jobs";

function rowOf(reading: Reading, startMs: number, jobs: number): string {
  const minute = ((reading.atMs - startMs) / 60_000).toFixed(1);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const cells: readonly [string | number, number][] = [
    [minute, 9],
    [reading.descriptors, 13],
    [megabytes(reading.rssBytes), 9],
    [megabytes(reading.walBytes), 9],
    [reading.zombies, 9],
    [jobs, 9],
  ];
  return cells.map(([cell, width]) => String(cell).padStart(width)).join("");
}
