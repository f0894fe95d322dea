import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../std/failure.ts";
import { findV1Bases, limitOfKills, makeV1, roomIn } from "./cgroup-v1.ts";

/** What a worker may use at most; null = no limit. */
export interface Limits {
  readonly ramBytes: number | null;
  readonly cpuCores: number | null;
  /** Processes and threads. */
  readonly maxProcesses: number | null;
}

/** The control group of one worker: what is started in it cannot leave it, whatever session or environment it has. */
export interface Cgroup {
  readonly dir: string;
  /** All that its processes have to enter: it, and on a hybrid host those of cgroup v1 that have its limits. */
  readonly dirs: readonly string[];
  /** What runs in it and in groups below it; none when it is gone. @throws when the kernel could not be asked. */
  pids(): number[];
  isPopulated(): boolean;
  /** KILL to all in it at once, forks included, where the kernel can do that (5.14). Says nothing of others. */
  kill(): void;
  /** The memory limit at which the kernel has killed something in it; null = it has not. Bytes. */
  killedAtBytes(): number | null;
  /** What its memory limit leaves. Bytes; without a limit Infinity. */
  roomBytes(): number;
  /** Removes it once it is empty; else it stays for the next time. */
  remove(): void;
}

/** Makes control groups below the one that the host left to the daemon. */
export interface Cgroups {
  /** Controllers that limits can be set with. */
  readonly controllers: ReadonlySet<string>;
  /** Makes the group of a worker. @throws the system's error */
  make(workerId: number, limits: Limits): Cgroup;
  /** The workers of this instance that have one. */
  all(): { readonly workerId: number; readonly cgroup: Cgroup }[];
}

/** What the daemon itself is in where a service manager makes it a group of its own (DelegateSubgroup=daemon). */
const OWN_SUBGROUP = "daemon";
const CONTROLLERS = ["memory", "cpu", "pids"];
/** The kernel's own default, in microseconds; see "cpu.max" in the kernel's cgroup-v2 text. */
const CPU_PERIOD_US = 100_000;
/** The name of the file in a control folder that says which group a worker was started in. */
const RECORD = "cgroup";

/**
 * Looks whether groups can be made here: cgroup v2 is mounted and the daemon may write to the group it is in, as root, or
 * as a service with Delegate=yes.
 * @param base instead of the group that is found
 * @returns the groups, or why there are none
 */
export function openCgroups(instanceId: string, base = findBase()): Cgroups | { readonly why: string } {
  if (base === null) return { why: "cgroup v2 is not mounted" };
  const prefix = prefixOf(instanceId);
  try {
    const probe = join(base, `${prefix}probe`);
    mkdirSync(probe, { recursive: true });
    rmdirSync(probe);
    // Whoever moves a process needs this right on the group above both.
    writeFileSync(join(base, "cgroup.procs"), "", { flag: "r+" });
  } catch (error) {
    return { why: `${base} is not the daemon's to write to (${errnoOf(error) ?? String(error)})` };
  }
  const enabled = enableControllers(base);
  const missing = CONTROLLERS.filter((name) => !enabled.has(name));
  const v1Bases = findV1Bases(missing, `${prefix}probe`);
  return {
    controllers: new Set([...enabled, ...v1Bases.keys()]),
    make(workerId, limits) {
      const name = `${prefix}${workerId}`;
      const dir = join(base, name);
      mkdirSync(dir, { recursive: true });
      for (const [file, value] of settingsFor(limits, enabled)) writeFileSync(join(dir, file), value);
      return cgroupAt(dir, makeV1(v1Bases, name, limits));
    },
    all: () =>
      readdirSync(base).flatMap((name) => {
        const id = name.startsWith(prefix) ? name.slice(prefix.length) : "";
        if (!/^\d+$/.test(id)) return [];
        const others = [...new Set(v1Bases.values())].map((v1Base) => join(v1Base, name));
        return [{ workerId: Number(id), cgroup: cgroupAt(join(base, name), others) }];
      }),
  };
}

/** Groups of this instance are named so, with the worker's id behind it. */
function prefixOf(instanceId: string): string {
  return `orch-${instanceId.slice(0, 8)}-`;
}

/** The worker of this instance whose group a process is in, by its /proc/PID/cgroup (cgroups(7)); null = none. */
export function workerIdIn(groups: string, instanceId: string): number | null {
  const own = /^0::(\/.*)$/m.exec(groups)?.[1]?.split("/") ?? [];
  const prefix = prefixOf(instanceId);
  const name = own.findLast((step) => step.startsWith(prefix))?.slice(prefix.length) ?? "";
  return /^\d+$/.test(name) ? Number(name) : null;
}

/** Notes in a control folder which group its worker is in, for whoever looks after it later. */
export function recordCgroup(controlDir: string, cgroup: Cgroup): void {
  writeFileSync(join(controlDir, RECORD), cgroup.dirs.map((dir) => `${dir}\n`).join(""));
}

/** The group of the worker of a control folder; null when it has none. @throws when the folder cannot be read. */
export function readCgroup(controlDir: string): Cgroup | null {
  const text = readOrNull(join(controlDir, RECORD));
  if (text?.endsWith("\n") !== true) return null;
  const [dir = "", ...others] = text.slice(0, -1).split("\n");
  return cgroupAt(dir, others);
}

function cgroupAt(dir: string, others: readonly string[] = []): Cgroup {
  const dirs = [dir, ...others];
  return {
    dir,
    dirs,
    pids: () => pidsIn(dir),
    isPopulated: () => /^populated 1$/m.test(readOrNull(join(dir, "cgroup.events")) ?? ""),
    kill() {
      try {
        writeFileSync(join(dir, "cgroup.kill"), "1", { flag: "r+" });
      } catch {
        // An older kernel, or it has just gone: each process gets its signal all the same.
      }
    },
    killedAtBytes: () => limitOfKills(dirs),
    roomBytes: () => roomIn(dirs),
    remove: () => {
      for (const each of dirs) removeTree(each);
    },
  };
}

function pidsIn(dir: string): number[] {
  const own = (readOrNull(join(dir, "cgroup.procs")) ?? "").split("\n").filter((line) => line !== "");
  return [...own.map(Number), ...foldersIn(dir).flatMap(pidsIn)];
}

function foldersIn(dir: string): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function removeTree(dir: string): void {
  try {
    for (const below of foldersIn(dir)) removeTree(below);
    rmdirSync(dir);
  } catch {
    // Gone already, or something of it is left, which whoever looks after that waits for.
  }
}

/**
 * What is written into which file of a cgroup to hold it to its limits, as far as there are controllers for them. Amounts as
 * the kernel's cgroup-v2 text has them: bytes, microseconds per period, a number of tasks.
 */
export function settingsFor(
  limits: Limits,
  controllers: ReadonlySet<string>,
): [file: string, value: string][] {
  const { ramBytes, cpuCores, maxProcesses } = limits;
  const settings: [string, string][] = [];
  if (ramBytes !== null && controllers.has("memory")) settings.push(["memory.max", String(ramBytes)]);
  if (cpuCores !== null && controllers.has("cpu"))
    settings.push(["cpu.max", `${cpuCores * CPU_PERIOD_US} ${CPU_PERIOD_US}`]);
  if (maxProcesses !== null && controllers.has("pids")) settings.push(["pids.max", String(maxProcesses)]);
  return settings;
}

/** A group that has processes of its own can give no controllers to those below, unless it is the host's own. */
function enableControllers(base: string): ReadonlySet<string> {
  const file = join(base, "cgroup.subtree_control");
  for (const name of CONTROLLERS) {
    try {
      writeFileSync(file, `+${name}`, { flag: "r+" });
    } catch {
      // Not there (cgroup v1 has it), or not to be had here: then there is no limit of this kind.
    }
  }
  const enabled = (readOrNull(file) ?? "").trim().split(" ");
  return new Set(CONTROLLERS.filter((name) => enabled.includes(name)));
}

/** The group below which the daemon may make others: the one it is in, as this process sees it. */
function findBase(): string | null {
  const mount = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((line) => line.includes(" - cgroup2 "))
    ?.split(" ");
  const path = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  const [root, point] = [mount?.[3], mount?.[4]];
  if (path === undefined || root === undefined || point === undefined) return null;
  const inMount = root !== "/" && path.startsWith(root) ? path.slice(root.length) : path;
  const own = join(point, inMount);
  return basename(own) === OWN_SUBGROUP ? dirname(own) : own;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ENOENT" || errno === "ENODEV" || errno === "ENOTDIR";
}
