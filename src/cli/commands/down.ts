import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { errnoOf, Failure, toFailure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";

interface Options {
  readonly drain?: boolean;
  readonly kill?: boolean;
}

const EXIT_TIMEOUT_MS = 30_000;
const POLL_MS = 25;

export const down = command<Options>({
  name: "down",
  summary: "Stop the daemon; its jobs and workers go on, and the next daemon takes them over",
  examples: ["orch down", "orch down --drain", "orch down --kill"],
  describe: (parser) =>
    parser
      .option("--drain", "start nothing more and stop once the running jobs are finished")
      .option("--kill", "stop the jobs and workers, too"),
  async run(context, _args, options) {
    const { out } = context;
    if (options.drain === true && options.kill === true) {
      throw new Failure("usage/invalid", "--drain and --kill exclude each other", {
        hint: "orch down --help",
      });
    }
    const mode = options.drain === true ? "drain" : options.kill === true ? "kill" : "leave";
    const pid = await shutDown(context, mode);
    if (pid !== undefined) await untilGone(context, pid, mode === "drain");
    const text = pid === undefined ? "no daemon is running" : `the daemon (pid ${pid}) has stopped`;
    out.result(
      { pid: pid ?? null, stopped: pid !== undefined },
      {
        ids: pid === undefined ? [] : [pid],
        text: () => out.print(text),
      },
    );
    return 0;
  },
});

/** The pid of the daemon that was told to stop, or undefined when none listens. */
async function shutDown(context: Context, mode: "leave" | "drain" | "kill"): Promise<number | undefined> {
  const client = await context.connect({ autostart: false }).catch((error: unknown) => {
    const failure = toFailure(error);
    if (failure.code === "daemon/unreachable") return undefined;
    throw failure;
  });
  return client === undefined ? undefined : (await client.call("POST /shutdown", { mode })).pid;
}

/** Draining takes as long as the jobs do; the other ways have to be quick. */
async function untilGone(context: Context, pid: number, patient: boolean): Promise<void> {
  const { clock } = context.io;
  const deadlineMs = patient ? Number.POSITIVE_INFINITY : clock.monotonicMs() + EXIT_TIMEOUT_MS;
  if (patient) context.out.note("waiting for the running jobs; Ctrl-C stops waiting, not the drain");
  while (isAlive(pid) && !context.signal.aborted) {
    if (clock.monotonicMs() > deadlineMs) {
      throw new Failure("job/not-finished", `the daemon (pid ${pid}) is still running`, {
        why: `it did not exit within ${EXIT_TIMEOUT_MS / 1000} s`,
        hint: `kill -9 ${pid}  (its jobs go on)`,
      });
    }
    await delay(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM" && !isZombie(pid);
  }
  return !isZombie(pid);
}

/** It has ended, and only its parent has not asked for its exit code yet: in a container PID 1 may never do so. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return /^\) [ZX]/.test(stat.slice(stat.lastIndexOf(")")));
  } catch {
    return false;
  }
}
