import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { Failure } from "../std/failure.ts";
import { packageRoot } from "../std/package-root.ts";

/** A folder of runtimes, with where it comes from. */
export interface RuntimeDir {
  readonly origin: "project" | "user" | "system" | "shipped";
  readonly path: string;
}

/** Every path orch uses. All absolute. */
export interface Paths {
  /** ORCH_HOME, or null when the XDG folders are used. */
  readonly home: string | null;
  readonly configFile: string;
  readonly systemConfigFile: string;
  readonly stateDir: string;
  readonly database: string;
  readonly daemonLog: string;
  /** Held locked by the one daemon of this state folder. */
  readonly lockFile: string;
  readonly jobsDir: string;
  readonly workersDir: string;
  readonly cacheDir: string;
  readonly runDir: string;
  readonly socket: string;
  /** True when ORCH_SOCKET named the socket: its folder is then the user's affair and is not checked. */
  readonly socketChosen: boolean;
  /** In search order; the first runtime of a name wins. */
  readonly runtimeDirs: readonly RuntimeDir[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What `resolvePaths` reads of its surroundings. */
export interface Surroundings {
  readonly env: Environment;
  /** Relative ORCH_HOME and ORCH_SOCKET are meant from here. */
  readonly cwd: string;
  readonly uid: number;
  /** Folder whose `runtimes/` comes first in the search; none when left out. */
  readonly projectDir?: string | undefined;
}

/** The size of `sun_path` in Linux's `struct sockaddr_un`, less the closing NUL (unix(7)). */
const SOCKET_PATH_MAX_BYTES = 107;

/**
 * All of orch's paths. ORCH_HOME puts everything under one folder, otherwise the XDG base directories hold (a
 * relative XDG value is ignored, as that specification demands). ORCH_SOCKET overrides the socket alone.
 * Touches no file.
 * @throws Failure socket/path-too-long
 */
export function resolvePaths(from: Surroundings): Paths {
  const { env, cwd } = from;
  const home = env["ORCH_HOME"] ? resolve(cwd, env["ORCH_HOME"]) : null;
  const dirs = home === null ? xdgDirs(env, from.uid) : homeDirs(home);
  const chosen = env["ORCH_SOCKET"] || undefined;
  const socket = chosen === undefined ? join(dirs.run, "orch.sock") : resolve(cwd, chosen);
  checkSocketPath(socket);
  return {
    home,
    configFile: join(dirs.config, "config.yaml"),
    systemConfigFile: "/etc/orch/config.yaml",
    stateDir: dirs.state,
    database: join(dirs.state, "orch.db"),
    daemonLog: join(dirs.state, "daemon.log"),
    lockFile: join(dirs.state, "daemon.lock"),
    jobsDir: join(dirs.state, "jobs"),
    workersDir: join(dirs.state, "workers"),
    cacheDir: dirs.cache,
    runDir: dirs.run,
    socket,
    socketChosen: chosen !== undefined,
    runtimeDirs: runtimeDirs(dirs.config, from.projectDir),
  };
}

/** Where the CLI keeps what came on stdin, and what it fetched, for jobs to read; the daemon of the same user removes it. */
export function spoolDirs(cacheDir: string): { readonly stdin: string; readonly fetched: string } {
  return { stdin: join(cacheDir, "stdin"), fetched: join(cacheDir, "fetched") };
}

interface BaseDirs {
  readonly config: string;
  readonly state: string;
  readonly cache: string;
  readonly run: string;
}

function homeDirs(home: string): BaseDirs {
  return { config: home, state: join(home, "state"), cache: join(home, "cache"), run: join(home, "run") };
}

function xdgDirs(env: Environment, uid: number): BaseDirs {
  const userHome = env["HOME"] || homedir();
  const base = (name: string, fallback: string): string => {
    const value = env[name];
    return join(value && isAbsolute(value) ? value : join(userHome, fallback), "orch");
  };
  const runtime = env["XDG_RUNTIME_DIR"];
  return {
    config: base("XDG_CONFIG_HOME", ".config"),
    state: base("XDG_STATE_HOME", ".local/state"),
    cache: base("XDG_CACHE_HOME", ".cache"),
    run: runtime && isAbsolute(runtime) ? join(runtime, "orch") : `/tmp/orch-${uid}`,
  };
}

function runtimeDirs(configDir: string, projectDir: string | undefined): RuntimeDir[] {
  const project: RuntimeDir[] =
    projectDir === undefined ? [] : [{ origin: "project", path: resolve(projectDir, "runtimes") }];
  return [
    ...project,
    { origin: "user", path: join(configDir, "runtimes") },
    { origin: "system", path: "/etc/orch/runtimes" },
    { origin: "shipped", path: join(packageRoot(), "runtimes") },
  ];
}

function checkSocketPath(socket: string): void {
  const length = Buffer.byteLength(socket);
  if (length <= SOCKET_PATH_MAX_BYTES) return;
  throw new Failure("socket/path-too-long", `the socket path ${socket} has ${length} bytes`, {
    why: `the kernel takes at most ${SOCKET_PATH_MAX_BYTES}`,
    hint: `set ORCH_SOCKET to a shorter path, e.g. ORCH_SOCKET=/tmp/orch.sock, or shorten ORCH_HOME`,
  });
}
