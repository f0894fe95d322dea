import type { Limits } from "./cgroup.ts";
import type { ContainerRef } from "./container/container-cli.ts";
import type { RunAs } from "./run-as.ts";

/** What to start, already decided: pure data, so that `--dry-run` can print it. */
export interface Launch {
  readonly workerId: number;
  readonly argv: readonly string[];
  /** The environment of the program; nothing is inherited from the daemon. The engine adds its labels. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Control folder of this worker, made by the engine: `pid`, `exit`. Survives the daemon; serves one start. */
  readonly dir: string;
  /** stdout and stderr go straight to this file, appended. Its folder is made by the engine. */
  readonly logPath: string;
  /** Set when `argv` is the command line that runs a container: by what it is found and stopped. */
  readonly container?: ContainerRef;
  /** The user that the program runs as, with nothing of the daemon's but its labels; absent = the daemon's own. */
  readonly runAs?: RunAs;
  /** What its cgroup is limited to, where it gets one. */
  readonly limits?: Limits;
}

/** Which program it is: never a bare pid, since pids are reused. Serialised into the database as JSON. */
export interface ProcessIdentity {
  readonly bootId: string;
  readonly pid: number;
  /** Start time in clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

/**
 * How a program ended. `exitCode` is 128 + signal when a signal ended it, as shells say it; null when nobody
 * can tell any more (the host went down, or the supervisor was killed too).
 */
export interface Exit {
  readonly exitCode: number | null;
  readonly detail: string | null;
  /** The kernel has killed some of it at its own memory limit. */
  readonly isOverLimit?: boolean;
}

/** What is left of a worker that an earlier daemon started. */
export type Remains =
  | { readonly kind: "running"; readonly identity: ProcessIdentity }
  | { readonly kind: "exited"; readonly exit: Exit }
  | { readonly kind: "never-started" };

/** How a worker's program is run. Every verb is idempotent. */
export interface Engine {
  readonly name: "process" | "docker" | "podman";
  /**
   * Starts the program detached, in its own process group and session, and says who it is.
   * @throws Failure engine/failed when it could not be started at all; also when `dir` was used or revoked before.
   * A program that is not there is no such failure: it ends with 127 and its log says why.
   */
  start(launch: Launch): Promise<ProcessIdentity>;
  /** Resolves when the program and its group are gone; also for adopted ones. Never rejects. */
  exited(dir: string, identity: ProcessIdentity): Promise<Exit>;
  /**
   * TERM, and KILL after `graceMs`, to the group and to descendants that left it. Resolves when all are gone. A call
   * while another is under way joins it and can only bring its deadline forward.
   */
  ensureStopped(dir: string, identity: ProcessIdentity, graceMs: number): Promise<Exit>;
  /** Pids of the processes that are the worker's now; null where they cannot be told (in containers). */
  members(dir: string, identity: ProcessIdentity): Promise<readonly number[] | null>;
  /**
   * What became of the worker whose control folder is `dir`. For one that never started it also makes sure that
   * it never will (a supervisor that is late finds its folder revoked and gives up), and of one that ended, that
   * nothing is left of it.
   * @throws the system's error when the folder cannot be read; nothing may be concluded then.
   */
  inspect(dir: string, workerId: number): Promise<Remains>;
  /** Workers of an instance (label ORCH_INSTANCE) of which something runs now: each once, by its oldest process. */
  labelled(
    instanceId: string,
  ): Promise<readonly { readonly workerId: number; readonly identity: ProcessIdentity }[]>;
  /** Kills all of one found by `labelled` that no worker of the database owns. Resolves when it is gone. */
  kill(identity: ProcessIdentity): Promise<void>;
}
