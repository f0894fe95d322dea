import { createHash } from "node:crypto";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { Failure } from "../std/failure.ts";
import { labelEnvironment } from "./labels.ts";

export interface PythonEnvironmentOptions {
  readonly runtimeName: string;
  /** Absolute path of requirements.txt; null = the system's python3 as it is. */
  readonly requirementsPath: string | null;
  /** Environments lie in `venvs` of this folder. */
  readonly cacheDir: string;
  /**
   * Names this daemon's state directory. The programs that build carry it: what a daemon that was killed leaves of them
   * is found by the next one, which builds anew in the same folder.
   */
  readonly instanceId: string;
  /** Who builds it, where that is not the daemon's own user: what packages run while they are installed is theirs to choose. */
  readonly runAs?: {
    readonly uid: number;
    readonly gid: number;
    readonly home: string;
    readonly user: string;
  };
  /** Lines that venv and pip print. */
  onLog(line: string): void;
}

const SYSTEM_PYTHON = "python3";
const LAST_LINES = 8;
/** A package index that never answers must not keep a runtime from being tried again for ever. */
const BUILD_LIMIT_MS = 3_600_000;
/** Workers are numbered from 1: what builds for all of them belongs to none. */
const NO_WORKER = 0;
/** Builds under way in this process, by folder: callers that come meanwhile join them. */
const builds = new Map<string, Promise<void>>();

/**
 * Makes sure that a runtime's virtual environment is there and says where its Python is. Each runtime has its own, so
 * that models never share dependencies; it is named by a hash of requirements.txt and the Python version, so a change
 * of either builds a new one. One daemon owns the cache, so callers of one process are all there are.
 * @throws Failure file/missing for requirements.txt, engine/unavailable without Python, engine/failed when a build fails.
 */
export async function ensurePythonEnvironment(
  options: PythonEnvironmentOptions,
): Promise<{ pythonPath: string }> {
  const { requirementsPath } = options;
  const place = await findPlace(options);
  if (requirementsPath !== null && !place.isThere) await joinBuild(place.dir, requirementsPath, options);
  return { pythonPath: place.pythonPath };
}

/**
 * As `ensurePythonEnvironment`, but builds nothing: null when the environment is not there.
 * @throws Failure file/missing for requirements.txt, engine/unavailable without Python
 */
export async function findPythonEnvironment(
  options: PythonEnvironmentOptions,
): Promise<{ pythonPath: string } | null> {
  const { isThere, pythonPath } = await findPlace(options);
  return isThere ? { pythonPath } : null;
}

async function findPlace({ requirementsPath, cacheDir, runtimeName }: PythonEnvironmentOptions) {
  const python = await findPython();
  if (requirementsPath === null) return { isThere: true, dir: "", pythonPath: python.path };
  const requirements = await readRequirements(requirementsPath);
  const hash = createHash("sha256").update(`${python.version}\n${requirements}`).digest("hex").slice(0, 16);
  const dir = join(cacheDir, "venvs", `${runtimeName}-${hash}`);
  return { isThere: await isComplete(dir), dir, pythonPath: join(dir, "bin", "python") };
}

async function findPython(): Promise<{ path: string; version: string }> {
  const script = "import sys; print(sys.executable); print(sys.version)";
  const { stdout, failed } = await execa(SYSTEM_PYTHON, ["-c", script], { reject: false, stdin: "ignore" });
  const [path, ...version] = (stdout ?? "").split("\n");
  if (failed || path === undefined || path === "") {
    throw new Failure("engine/unavailable", `${SYSTEM_PYTHON} cannot be run`, {
      why: "this runtime is a Python program",
      hint: "install Python 3.9 or newer, or give the runtime a command of its own",
    });
  }
  return { path, version: version.join(" ") };
}

async function readRequirements(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Failure("file/missing", `${path} cannot be read`, {
      why: "the runtime names it as its Python requirements",
      cause: error,
    });
  }
}

/** The marker is written last: an environment without it is a build that was cut short. */
async function isComplete(dir: string): Promise<boolean> {
  return access(join(dir, ".complete")).then(
    () => true,
    () => false,
  );
}

function joinBuild(dir: string, requirementsPath: string, options: PythonEnvironmentOptions): Promise<void> {
  const running = builds.get(dir);
  if (running !== undefined) return running;
  const started = build(dir, requirementsPath, options).finally(() => builds.delete(dir));
  builds.set(dir, started);
  return started;
}

/** In place, since the scripts of a virtual environment hold its path and do not survive a rename. */
async function build(
  dir: string,
  requirementsPath: string,
  options: PythonEnvironmentOptions,
): Promise<void> {
  // As whoever builds: below a folder of somebody else's nothing is removed by root, who would follow a link put there.
  if (options.runAs !== undefined) await runLogged("/bin/rm", ["-rf", "--", dir], options);
  else await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, ".."), { recursive: true });
  await runLogged(SYSTEM_PYTHON, ["-m", "venv", dir], options);
  const install = [
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "-r",
    requirementsPath,
  ];
  await runLogged(join(dir, "bin", "python"), install, options);
  await writeFile(join(dir, ".complete"), "", { flag: "wx" });
}

async function runLogged(
  program: string,
  args: readonly string[],
  { runtimeName, instanceId, onLog, runAs }: PythonEnvironmentOptions,
): Promise<void> {
  const last: string[] = [];
  const subprocess = execa(program, args, {
    all: true,
    reject: false,
    stdin: "ignore",
    buffer: false,
    timeout: BUILD_LIMIT_MS,
    ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid, cwd: "/", extendEnv: false }),
    env: {
      ...(runAs === undefined ? {} : { PATH: process.env["PATH"] ?? "", HOME: runAs.home, USER: runAs.user }),
      ...labelEnvironment({ workerId: NO_WORKER, instanceId }),
    },
  });
  for await (const line of subprocess.iterable({ from: "all" })) {
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    onLog(line);
  }
  const { failed, shortMessage } = await subprocess;
  if (!failed) return;
  throw new Failure("engine/failed", `the Python environment of ${runtimeName} could not be made`, {
    why: last.length > 0 ? last.join("\n") : (shortMessage ?? "it ended without a word"),
    hint: "correct its requirements.txt, then submit again",
  });
}
