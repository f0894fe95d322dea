import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ContainerCli } from "../../src/engine/container/container-cli.ts";

/** Limits that a container may have where the tests themselves run in one; without them the runtime fails. */
const ULIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
const APPLETS = ["sh", "sleep", "cat", "echo", "id", "ls", "env", "true", "kill", "touch", "head"];
const BUSYBOX = "/bin/busybox";
const RUN_DEADLINE_MS = 20_000;

/** A podman that runs containers here, and an image for them that needs no registry. */
export interface Podman {
  readonly cli: ContainerCli;
  /** Arguments that every `run` needs on this machine. */
  readonly runArgs: readonly string[];
  /** Has a static shell and its tools in /bb, and room for the host's /usr to be mounted. */
  readonly image: string;
  /** Lines of runtime.yaml that bring the host's Python into the container. */
  readonly pythonMounts: string;
  /** Lines of config.yaml. */
  readonly config: string;
  /** Runs podman and gives what it prints. */
  call(...args: readonly string[]): Promise<string>;
  /** Names of the containers of an instance, running or not. */
  containersOf(instanceId: string): Promise<string[]>;
}

/**
 * Makes the image and runs it once. What is missing is said instead of thrown, so that tests can be skipped with a
 * reason; with ORCH_REQUIRE=1 it throws, so that a machine that is meant to run them all cannot pass by skipping.
 */
export async function preparePodman(): Promise<Podman | string> {
  const podman = await tryPodman();
  if (typeof podman === "string" && process.env["ORCH_REQUIRE"] === "1")
    throw new Error(`ORCH_REQUIRE=1, but ${podman}`);
  return podman;
}

async function tryPodman(): Promise<Podman | string> {
  const program = await which("podman");
  if (program === null) return "podman is not installed";
  // The one of the two that knows hybrid cgroups.
  const command = [program, ...((await which("runc")) === null ? [] : ["--runtime", "runc"])];
  const run = async (...args: readonly string[]): Promise<string> => {
    const all = [...command.slice(1), ...args];
    const { stdout } = await promisify(execFile)(program, all, { timeout: RUN_DEADLINE_MS });
    return stdout.trim();
  };
  const image = "localhost/orch-test:1";
  try {
    await buildImage(image, run);
    await run("run", "--rm", "--init", "--network=none", ...ULIMITS, image, "/bb/true");
  } catch (error) {
    return `podman cannot run containers here: ${error instanceof Error ? error.message : String(error)}`;
  }
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/" };
  return {
    cli: { kind: "podman", command, env },
    runArgs: ULIMITS,
    image,
    pythonMounts: pythonMounts(),
    config: `containerEngine: podman\ncontainerGlobalArgs: ${JSON.stringify(command.slice(1))}\ncontainerArgs: ${JSON.stringify(ULIMITS)}\n`,
    call: run,
    async containersOf(instanceId) {
      const filter = `label=io.orch.instance=${instanceId}`;
      const names = await run("ps", "-a", "--filter", filter, "--format", "{{.Names}}");
      return names === "" ? [] : names.split("\n");
    },
  };
}

async function which(program: string): Promise<string | null> {
  return promisify(execFile)("sh", ["-c", `command -v ${program}`]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

async function buildImage(
  image: string,
  run: (...args: readonly string[]) => Promise<string>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "orch-image-"));
  try {
    writeTestImage(dir);
    await run("build", "-t", image, dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes the Dockerfile of the image for tests, and what it copies, into `dir`. */
export function writeTestImage(dir: string): void {
  for (const name of ["root/bb", "root/usr", "root/tmp", "root/run", "root/etc"])
    mkdirSync(join(dir, name), { recursive: true });
  copyFileSync(BUSYBOX, join(dir, "root/bb/busybox"));
  for (const name of APPLETS) symlinkSync("busybox", join(dir, "root/bb", name));
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(dir, "root", name));
  writeFileSync(
    join(dir, "Dockerfile"),
    "FROM scratch\nCOPY root/ /\nENV PATH=/bb:/usr/local/bin:/usr/bin\n",
  );
}

/** The host's Python with the libraries it is linked to. */
function pythonMounts(): string {
  const script = "import sys; print(sys.base_prefix)";
  const prefix = execFileSync("python3", ["-c", script], { encoding: "utf8" }).trim();
  const folders = prefix.startsWith("/usr") ? ["/usr"] : ["/usr", prefix];
  const mounts = folders.map((folder) => `{ host: ${folder}, path: ${folder}, readOnly: true }`).join(", ");
  return `mounts: [${mounts}]\nenv: { PATH: "${prefix}/bin:/bb:/usr/bin", HOME: /tmp }\n`;
}
