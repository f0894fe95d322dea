import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Limits } from "./cgroup.ts";

// Hosts that mount cgroup v2 beside v1 ("hybrid") leave memory, cpu and pids with v1: there limits are set with groups of
// the same name in those hierarchies. What belongs to a worker is known by its group of v2 alone.

/** Folders below which groups may be made, by controller. */
export type V1Bases = ReadonlyMap<string, string>;

/** The kernel's own default, in microseconds; see "cfs_quota_us" in its text on bandwidth control. */
const CPU_PERIOD_US = 100_000;
/** What the kernel writes where there is no limit is near 2^63; no host has this much. Bytes. */
const NO_LIMIT_BYTES = 2 ** 60;

/**
 * The groups that this process is in, of those controllers which a hierarchy of cgroup v1 has and in which others can be made.
 * @param mounts as /proc/self/mountinfo has them (proc(5)), `own` as /proc/self/cgroup (cgroups(7))
 */
export function findV1Bases(
  controllers: readonly string[],
  probeName: string,
  [mounts, own] = [read("/proc/self/mountinfo"), read("/proc/self/cgroup")],
): V1Bases {
  const lines = mounts.split("\n").filter((line) => line.includes(" - cgroup "));
  const bases = new Map<string, string>();
  for (const controller of controllers) {
    const fields = lines
      .map((line) => line.split(" "))
      .find((all) => all.at(-1)?.split(",").includes(controller));
    const path = own
      .split("\n")
      .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
      .find((match) => match?.[1]?.split(",").includes(controller))?.[2];
    const [root, point] = [fields?.[3], fields?.[4]];
    if (path === undefined || root === undefined || point === undefined) continue;
    const base = join(point, root !== "/" && path.startsWith(root) ? path.slice(root.length) : path);
    if (canMake(join(base, probeName))) bases.set(controller, base);
  }
  return bases;
}

function canMake(dir: string): boolean {
  try {
    mkdirSync(dir, { recursive: true });
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

/** Makes the groups `name` that hold to the limits. @returns their folders. @throws the system's error */
export function makeV1(bases: V1Bases, name: string, limits: Limits): string[] {
  const dirs = new Set<string>();
  for (const [controller, file, value] of v1SettingsFor(limits)) {
    const base = bases.get(controller);
    if (base === undefined) continue;
    const dir = join(base, name);
    mkdirSync(dir, { recursive: true });
    dirs.add(dir);
    // Memory with swap is counted only where the host was started so.
    if (file.includes("memsw") && !existsSync(join(dir, file))) continue;
    writeFileSync(join(dir, file), value);
  }
  return [...dirs];
}

/**
 * What is written into which file, in this order, by controller. Amounts as the kernel's cgroup-v1 texts have them: bytes,
 * microseconds per period, a number of tasks.
 */
export function v1SettingsFor({ ramBytes, cpuCores, maxProcesses }: Limits): [string, string, string][] {
  const settings: [string, string, string][] = [];
  if (ramBytes !== null) {
    settings.push(["memory", "memory.limit_in_bytes", String(ramBytes)]);
    settings.push(["memory", "memory.memsw.limit_in_bytes", String(ramBytes)]);
  }
  if (cpuCores !== null) {
    settings.push(["cpu", "cpu.cfs_period_us", String(CPU_PERIOD_US)]);
    settings.push(["cpu", "cpu.cfs_quota_us", String(cpuCores * CPU_PERIOD_US)]);
  }
  if (maxProcesses !== null) settings.push(["pids", "pids.max", String(maxProcesses)]);
  return settings;
}

/**
 * The limit at which the kernel has killed something in a group, of v2 (memory.events, memory.max) or v1
 * (memory.oom_control since Linux 4.13). Bytes; null = it has not.
 */
export function limitOfKills(dirs: readonly string[]): number | null {
  for (const dir of dirs) {
    const kills = ["memory.events", "memory.oom_control"].map((file) => read(join(dir, file))).join("\n");
    if (!/^oom_kill [1-9]/m.test(kills)) continue;
    const limits = ["memory.max", "memory.limit_in_bytes"].map((file) =>
      Number.parseInt(read(join(dir, file)), 10),
    );
    const limit = limits.find((bytes) => bytes < NO_LIMIT_BYTES);
    if (limit !== undefined) return limit;
  }
  return null;
}

/** What the memory limits of the groups leave to what runs in them. Bytes; without a limit Infinity. */
export function roomIn(dirs: readonly string[]): number {
  const amount = (dir: string, file: string): number => Number.parseInt(read(join(dir, file)), 10);
  const rooms = dirs.flatMap((dir) => [
    amount(dir, "memory.max") - amount(dir, "memory.current"),
    amount(dir, "memory.limit_in_bytes") - amount(dir, "memory.usage_in_bytes"),
  ]);
  return Math.min(
    Infinity,
    ...rooms.filter((bytes) => bytes < NO_LIMIT_BYTES).map((bytes) => Math.max(0, bytes)),
  );
}

/** "" where there is no such file. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
