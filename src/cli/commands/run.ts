import type { Client } from "../../client/client.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { command, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import type { FollowOptions } from "../follow.ts";
import type { InterruptSignal } from "../io.ts";
import {
  arrayOf,
  describeJobOptions,
  type JobFlags,
  jobOptionsOf,
  keyOf,
  refuseDryArray,
} from "../submit/job-options.ts";
import { describePlace, type PlaceFlags, placeOf } from "../submit/run-place.ts";
import { withScript } from "../submit/script-directives/with-script.ts";
import { webhookOf } from "../submit/webhook-flags.ts";
import { DETACH_KEYS, parseDetachKeys } from "../terminal/detach-keys.ts";
import { sizeOf } from "../terminal/terminal-size.ts";
import { arraySentence, hintArray, idsOf, noteRepeat } from "../text/array-text.ts";
import { isFinished, jobExitCode, jobSentence } from "../text/job-text.ts";

/** The flags of `orch run`. */
export interface RunFlags extends JobFlags, PlaceFlags {
  readonly detach?: boolean;
  readonly shared?: boolean;
  readonly onResume?: string;
  readonly dryRun?: boolean;
  readonly cron?: string;
  readonly pty?: boolean;
  readonly detachKeys?: string;
  /** How long its terminal may be without anybody; null = for ever. */
  readonly leaveAfter?: number | null;
}

export const run = command<RunFlags>({
  name: "run",
  summary: "Run a command as a job: wait for its GPUs, print what it writes, exit as it does",
  examples: [
    "orch run --gpus 1 -- python train.py --epochs 3",
    "orch run --gpus 1 --vram 10GiB --shared -- python serve.py",
    "orch run -d --time 2h -- make all",
    "orch run -d train.sbatch              # with the #SBATCH and #ORCH lines at its head",
    "orch run --gpus 1 --pty -- python   # with a terminal: orch attach comes back to it",
    "orch run --array 0-99%4 -- python eval.py --shard {index}",
    "orch run --sweep lr=0.1,0.01 --sweep seed=1..5 -- python train.py --lr {lr} --seed {seed}",
    "orch run -d --gpus 1 --preemptible --on-resume 'python train.py --resume' -- python train.py",
  ],
  describe: describeRun,
  async run(context, args, given) {
    const { out } = context;
    const { words, flags: options } = withScript(context, { words: args, flags: given }, describeRun);
    if (options.shared === true && options.vram === undefined) {
      throw new Failure("usage/invalid", "--shared needs --vram: how much of the GPU it may take", {
        hint: "add e.g. --vram 10GiB",
      });
    }
    const keys = detachKeysOf(context, options);
    const client = await context.connect();
    const submission = submissionOf(context, words, options);
    if (options.cron !== undefined) {
      const { scheduleBy } = await import("../submit/schedule-by.ts");
      return scheduleBy(context, client, options, { verb: "run", submission });
    }
    const array = arrayOf(options);
    const webhook = webhookOf(options);
    if (options.dryRun === true) {
      refuseDryArray(array !== null);
      const { printDryRun } = await import("../submit/print-dry-run.ts");
      const view = await client.call("POST /jobs/run/dry-run", submission);
      out.result(view, { text: () => printDryRun(out, view, context.io.clock.nowMs()) });
      return 0;
    }
    if (array !== null) {
      const queued = await client.call("POST /jobs/run-array", { ...submission, ...array, ...webhook });
      noteRepeat(out, queued);
      out.result(queued, { ids: idsOf(queued), text: () => out.print(arraySentence(queued)) });
      hintArray(out, queued);
      return 0;
    }
    const job = await client.call("POST /jobs/run", { ...submission, ...webhook });
    noteRepeat(out, job);
    if (options.detach === true) {
      out.result(job, { ids: [job.id], text: () => out.print(jobSentence(job)) });
      const follow =
        options.pty === true ? `attach: orch attach ${job.id}` : `follow: orch logs -f ${job.id}`;
      out.hint(`${follow}    wait: orch wait ${job.id}`);
      return 0;
    }
    if (out.interactive && !out.format.quiet) out.note(`orch: ${jobSentence(job)}`);
    if (options.pty !== true) return attend(context, client, job.id);
    const { attachJob } = await import("../terminal/attach-job.ts");
    return attachJob(context, client, job.id, { detachKeys: keys, readOnly: false, queued: job });
  },
});

/** Declares what `orch run` takes. */
export function describeRun(parser: Parser): void {
  parser
    .usage("[flags] -- COMMAND [arguments]")
    .argument("<command...>", "the command; flags behind it are its own")
    .passThroughOptions()
    .option("-d, --detach", "queue it, print its id, and return")
    .option("--pty", "in a terminal, which outlives this one: orch attach comes back to it")
    .option("--detach-keys <keys>", `keys that leave it running (default: ${DETACH_KEYS}; none: no keys)`)
    .option("--dry-run", "say where and when it would run, but queue nothing")
    .option("--cron <line>", 'run it again and again, e.g. "0 3 * * *"; as orch schedule add does')
    .option("--shared", "share its GPUs with others (needs --vram)")
    .option(
      "--on-resume <command>",
      "what the shell runs instead once the job was preempted (needs --preemptible)",
    );
  describeJobOptions(parser, "GPUs it needs (default: 0)");
  describePlace(parser);
}

/** What is asked of the API for a command with these flags. */
export function submissionOf(context: Context, command: readonly string[], options: RunFlags) {
  return {
    command,
    ...placeOf(context.io, options),
    gpus: options.gpus ?? 0,
    vramBytes: options.vram ?? null,
    mode: options.shared === true ? ("shared" as const) : ("exclusive" as const),
    cpus: options.cpus ?? null,
    ramBytes: options.ram ?? 0,
    resumeCommand: options.onResume === undefined ? null : ["sh", "-c", options.onResume],
    terminal:
      options.pty === true ? { ...sizeOf(context.io), leaveAfterMs: options.leaveAfter ?? null } : null,
    options: jobOptionsOf(options, context.io),
    ...keyOf(options),
  };
}

/** @throws Failure usage/invalid for keys that are none, and for flags that make no sense with a terminal or without */
function detachKeysOf({ out }: Context, { pty, detach, detachKeys, output }: RunFlags): Buffer | null {
  if (pty !== true && detachKeys !== undefined) {
    throw new Failure("usage/invalid", "--detach-keys needs --pty", { hint: "orch run --pty -- bash" });
  }
  if (pty === true && detach !== true && out.format.json) {
    throw new Failure("usage/invalid", "--json does not go with a terminal on the same stdout", {
      hint: "orch run --pty -d --json, then orch attach",
    });
  }
  if (pty === true && output !== undefined) {
    throw new Failure("usage/invalid", "--output does not go with --pty", {
      why: "what is on a terminal is no text alone",
      hint: "orch logs keeps what was on it",
    });
  }
  return parseDetachKeys(detachKeys ?? DETACH_KEYS);
}

/** What a signal to us makes of the exit code, as shells say it: 128 + its number. */
const signalExit: Readonly<Record<InterruptSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Stays with the job to its end: its log goes to stdout, a signal to us cancels it, a second one lets go of it. */
async function attend(context: Context, client: Client, id: number): Promise<number> {
  const { io, out } = context;
  const { followJobs } = await import("../follow.ts");
  const stop = new AbortController();
  let code: number | undefined;
  const onSignal = (signal: InterruptSignal): void => {
    if (code !== undefined) return stop.abort();
    code = signalExit[signal];
    out.note(`orch: cancelling job ${id} (once more: leave it to itself)`);
    void cancel(context, client, id);
  };
  const signals = Object.keys(signalExit) as InterruptSignal[];
  const restore = signals.map((signal) => io.onSignal(signal, () => onSignal(signal)));
  try {
    const [job] = await followJobs(context, client, {
      jobs: [id],
      logs: true,
      signal: AbortSignal.any([context.signal, stop.signal]),
      ...printers(context),
    });
    // Nobody reads the output any more, as with `orch run -- yes | head -1`: the program would have got SIGPIPE.
    if (context.signal.aborted) await cancel(context, client, id);
    if (job === undefined || !isFinished(job)) return code ?? 130;
    if (job.state !== "succeeded" && !out.format.quiet) out.note(`orch: ${jobSentence(job)}`);
    return job.state === "cancelled" && code !== undefined ? code : jobExitCode(job);
  } finally {
    out.progress(null);
    for (const undo of restore) undo();
  }
}

function printers({ out }: Context): Pick<FollowOptions, "onJob" | "onProgress" | "onLog"> {
  if (out.format.json) {
    return {
      onJob: (job) => out.printJsonLine({ type: "job", job }),
      onProgress: (job, fraction, text) => out.printJsonLine({ type: "progress", job, fraction, text }),
      onLog: (job, text) => out.printJsonLine({ type: "log", job, text }),
    };
  }
  return {
    onJob(job, before) {
      const waits = !isFinished(job) && job.state !== "running" && before?.reason?.code !== job.reason?.code;
      if (before !== undefined && waits && out.interactive && !out.format.quiet)
        out.note(`orch: ${jobSentence(job)}`);
    },
    onLog: (_job, text) => out.write(text),
  };
}

async function cancel({ out }: Context, client: Client, job: number): Promise<void> {
  try {
    await client.call("POST /jobs/:job/cancel", { job });
  } catch (error) {
    const failure = toFailure(error);
    // It may just have finished by itself.
    if (failure.code !== "job/state") out.fail(failure);
  }
}
