import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Clock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { builtProgram } from "../../std/package-root.ts";
import { abandonChild } from "../abandon-child.ts";
import { createRestartLimit } from "../restart-limit.ts";
import { FreezeAnswer, type FreezeStep } from "./freeze-wire.ts";

export interface FreezerOptions {
  readonly clock: Clock;
  /** The built helper program. Default: dist/freeze-helper.js of this package. */
  readonly helperPath?: string;
  /** Default: the daemon's own. Its ORCH_CUDA_LIBRARY names libcuda where it is in no usual place. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Moves the device memory of processes to host memory and back, with the driver's own checkpoint, in a helper process. Both
 * verbs are idempotent, end within `deadlineMs` and give what each call into the driver took. After a failure the state of
 * the processes is unknown.
 */
export interface Freezer {
  /**
   * Freezes those of the processes that use CUDA.
   * @throws Failure worker/no-sleep when it cannot work here (no or an old driver, no koffi, memory of a kind that it does
   * not support), worker/failed otherwise
   */
  freeze(pids: readonly number[], deadlineMs: number): Promise<readonly FreezeStep[]>;
  /**
   * Thaws those of the processes that are frozen.
   * @throws Failure like `freeze`
   */
  thaw(pids: readonly number[], deadlineMs: number): Promise<readonly FreezeStep[]>;
}

/** CUDA calls under way are given so much of the time; the copying needs the rest. */
const lockShare = 0.25;

/** Makes a freezer; nothing is started before it is used. */
export function createFreezer({ clock, helperPath, env = process.env }: FreezerOptions): Freezer {
  // Helpers that hang in the driver are counted, and none is started beside too many of them.
  const limit = createRestartLimit(clock);
  const order = async (what: "freeze" | "thaw", pids: readonly number[], deadlineMs: number) => {
    const refusal = limit.refusal();
    if (refusal !== null)
      throw new Failure("worker/failed", `nothing can be frozen or thawed now: ${refusal}`);
    const program = helperPath ?? findHelper();
    const lockTimeoutMs = Math.max(1, Math.round(deadlineMs * lockShare));
    const args = [program, what, String(lockTimeoutMs), env["ORCH_CUDA_LIBRARY"] ?? "-", ...pids.map(String)];
    // Options meant for the daemon's node are not for the helper, and neither is its Ctrl-C: half a copy is of no use.
    const { NODE_OPTIONS: _, CUDA_VISIBLE_DEVICES: __, ...rest } = env;
    const child = spawn(process.execPath, args, {
      env: rest,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const expire = (): Failure => {
      abandonChild(child);
      limit.watchDying(child);
      return new Failure(
        "worker/failed",
        `the CUDA driver did not ${what} within ${Math.round(deadlineMs)} ms`,
      );
    };
    return parseAnswer(await collect(child, deadlineMs, expire));
  };
  return {
    freeze: (pids, deadlineMs) => order("freeze", pids, deadlineMs),
    thaw: (pids, deadlineMs) => order("thaw", pids, deadlineMs),
  };
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly how: string;
}

/** What a child said until it ended. @throws the Failure of `expire` after `deadlineMs` */
function collect(child: ChildProcess, deadlineMs: number, expire: () => Failure): Promise<Said> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(expire()), deadlineMs);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-2000);
    });
    const end = (how: string): void => {
      clearTimeout(timer);
      resolve({ stdout, stderr, how });
    };
    child.once("error", (error) => end(error.message));
    child.once("close", (code, signal) => end(signal ? `ended by ${signal}` : `ended with code ${code}`));
  });
}

function parseAnswer({ stdout, stderr, how }: Said): readonly FreezeStep[] {
  // The driver's library may print before.
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  const answer = FreezeAnswer.safeParse(parseJson(last)).data;
  if (answer?.ok === true) return answer.steps;
  if (answer?.ok === false) throw Failure.fromBody(answer.failure);
  const cause = stderr.split("\n").find((line) => /Error\b/.test(line));
  throw new Failure("worker/failed", "the program that freezes gave no answer", {
    why: cause === undefined ? how : `${how}: ${cause.trim()}`,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function findHelper(): string {
  const found = builtProgram("freeze-helper");
  if (existsSync(found)) return found;
  throw new Failure("worker/no-sleep", "the program freeze-helper.js is missing", {
    why: "it is built next to the daemon",
    hint: "npm run build",
  });
}
