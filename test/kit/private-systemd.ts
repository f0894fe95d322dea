import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "./until.ts";

/** What a command inside came to. */
export interface Inside {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A systemd of its own as process 1 of a container whose files are the host's, under an overlay that is thrown away. */
export interface PrivateSystemd extends AsyncDisposable {
  run(...argv: readonly string[]): Promise<Inside>;
}

/** Limits that a container may have where the tests themselves run in one. */
const ULIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
const START_MS = 60_000;
const CALL_MS = 60_000;
/** They would change the kernel that the container shares with the host. */
const MASKED = [
  "systemd-sysctl.service",
  "systemd-binfmt.service",
  "systemd-modules-load.service",
  "systemd-remount-fs.service",
  "systemd-udevd.service",
  "systemd-udev-trigger.service",
  "proc-sys-fs-binfmt_misc.automount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "dev-hugepages.mount",
];

/**
 * Starts it, or says why that cannot be done here; with ORCH_REQUIRE=1 it throws then.
 * @param mounts folders of the host by their path inside
 */
export async function startSystemd(
  mounts: Readonly<Record<string, string>>,
): Promise<PrivateSystemd | string> {
  const started = await tryStart(mounts).catch(
    (error: unknown) => `systemd does not start: ${String(error)}`,
  );
  if (typeof started === "string" && process.env["ORCH_REQUIRE"] === "1")
    throw new Error(`ORCH_REQUIRE=1, but ${started}`);
  return started;
}

async function tryStart(mounts: Readonly<Record<string, string>>): Promise<PrivateSystemd | string> {
  if (process.getuid?.() !== 0) return "a systemd of its own needs root";
  for (const file of ["/lib/systemd/systemd", "/usr/bin/podman", "/usr/sbin/runc"])
    if (!existsSync(file)) return `there is no ${file}`;
  const point = cgroup2();
  if (point === null) return "cgroup v2 is not mounted";
  const name = `orch-systemd-${process.pid}`;
  const group = join(point, name);
  mkdirSync(group);
  const podman = (...args: readonly string[]): Promise<Inside> =>
    call(["podman", "--runtime", "runc", ...args]);
  const volumes = Object.entries({ ...mounts, "/sys/fs/cgroup": point }).flatMap(([inside, path]) => [
    "-v",
    `${path}:${inside}`,
  ]);
  const commandLine = MASKED.map((unit) => `systemd.mask=${unit}`).join(" ");
  const started = await podman(
    ...["run", "-d", "--name", name, "--systemd=false", "--privileged", "--network=none", ...ULIMITS],
    ...["--cgroup-parent", `/${name}`, "--cgroupns=host", ...volumes],
    ...["--tmpfs", "/tmp:notmpcopyup", "--tmpfs", "/run:notmpcopyup"],
    ...["-e", "container=podman", "-e", `SYSTEMD_PROC_CMDLINE=${commandLine}`],
    ...["--rootfs", "/:O", "/lib/systemd/systemd", "--unit=basic.target"],
  );
  const end = async (): Promise<void> => {
    await podman("rm", "-f", "-t", "0", name);
    // The runtime lets go of them a little later.
    await until("its control groups are gone", () => removeGroups(name, point)).catch(() => undefined);
  };
  const run = (...argv: readonly string[]): Promise<Inside> => podman("exec", name, ...argv);
  try {
    if (started.code !== 0) throw new Error(started.stderr.trim());
    await until(
      "systemd has started",
      async () => (await run("systemctl", "is-system-running")).stdout.trim() === "running",
      START_MS,
    );
  } catch (error) {
    await end();
    return `systemd does not start in a container: ${error instanceof Error ? error.message : String(error)}`;
  }
  return { run, [Symbol.asyncDispose]: end };
}

/** Where cgroup v2 is mounted: all of /sys/fs/cgroup, or a folder of it beside v1. */
function cgroup2(): string | null {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((each) => each.includes(" - cgroup2 "));
  return line?.split(" ")[4] ?? null;
}

/** Podman leaves the parent group behind, in each hierarchy. False while one is in use. */
function removeGroups(name: string, point: string): boolean {
  const hierarchies = readdirSync("/sys/fs/cgroup").map((each) => join("/sys/fs/cgroup", each));
  const groups = [point, ...hierarchies].map((base) => join(base, name)).filter((dir) => existsSync(dir));
  return groups.map(removeTree).every(Boolean);
}

function removeTree(dir: string): boolean {
  try {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) removeTree(join(dir, entry.name));
    rmdirSync(dir);
    return true;
  } catch {
    return !existsSync(dir);
  }
}

async function call(argv: readonly string[]): Promise<Inside> {
  const [program = "", ...args] = argv;
  const options = { timeout: CALL_MS, killSignal: "SIGKILL" as const };
  return promisify(execFile)(program, args, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Error & { code?: number; stdout?: string; stderr?: string }) => ({
      code: typeof error.code === "number" ? error.code : 125,
      stdout: error.stdout ?? "",
      stderr: error.stderr || error.message,
    }),
  );
}
