import { parseBytes } from "../../std/bytes.ts";
import { formatDurationMs, parseDurationMs } from "../../std/duration.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { command, type Parser } from "../command.ts";
import { gpusFlag, priorityFlag, timeLimitFlag, vramFlag } from "../submit/job-options.ts";
import { attachJob } from "../terminal/attach-job.ts";
import { DETACH_KEYS, parseDetachKeys } from "../terminal/detach-keys.ts";
import { jobSentence } from "../text/job-text.ts";
import { type RunFlags, submissionOf } from "./run.ts";

interface Options extends RunFlags {
  readonly leaveAfter?: number;
  readonly keep?: boolean;
}

/** A laptop that is closed must not hold a GPU for days, nor a short loss of the network end the work on it. */
const LEAVE_AFTER_MS = 600_000;

export const shell = command<Options>({
  name: "shell",
  summary: "Open a shell that holds GPUs until it ends",
  examples: [
    "orch shell",
    "orch shell --gpus 2 --time 4h",
    "orch shell --vram 8GiB --shared -- python",
    "orch shell --keep   # stays when the connection is lost",
  ],
  withoutJson: { why: "on its stdout is a terminal", hint: "orch run --pty -d --json, then orch attach" },
  describe: describeShell,
  async run(context, args, options) {
    const { io, out } = context;
    const keys = parseDetachKeys(options.detachKeys ?? DETACH_KEYS);
    const leaveAfterMs = options.keep === true ? null : (options.leaveAfter ?? LEAVE_AFTER_MS);
    const words = args.length > 0 ? args : [io.env["SHELL"] || "/bin/sh"];
    const client = await context.connect();
    const job = await client.call(
      "POST /jobs/run",
      submissionOf(context, words, {
        ...options,
        gpus: options.gpus ?? 1,
        pty: true,
        leaveAfter: leaveAfterMs,
      }),
    );
    out.note(`orch: ${jobSentence(job)}; ${howItEnds(leaveAfterMs)}`);
    return attachJob(context, client, job.id, { detachKeys: keys, readOnly: false, queued: job });
  },
});

function howItEnds(leaveAfterMs: number | null): string {
  const gone =
    leaveAfterMs === null ? "" : `, or ${formatDurationMs(leaveAfterMs)} after its terminal is lost`;
  return `the lease ends with the shell${gone}`;
}

function describeShell(parser: Parser): void {
  parser
    .usage("[flags] [-- COMMAND [arguments]]")
    .argument("[command...]", "instead of $SHELL")
    .passThroughOptions()
    .optionsGroup("Resources:")
    .option("--gpus <count>", "GPUs it holds (default: 1)", gpusFlag)
    .option("--vram <size>", "memory it needs on each GPU, e.g. 12GiB", vramFlag)
    .option("--shared", "share its GPUs with others (needs --vram)")
    .option("--cpus <count>", "CPU cores it holds", integerFlag("--cpus", 0, 100_000))
    .option("--ram <size>", "memory of the host it holds, e.g. 32GiB", flagReader("--ram", parseBytes))
    .optionsGroup("Scheduling:")
    .option("--priority <priority>", "-1000 to 1000, or a name such as high", priorityFlag)
    .option("--time <duration>", "end it after this long, e.g. 2h", timeLimitFlag)
    .option("--label <text>", "a name for people")
    .optionsGroup("Terminal:")
    .option("--detach-keys <keys>", `keys that leave it running (default: ${DETACH_KEYS}; none: no keys)`)
    .option(
      "--leave-after <duration>",
      "end it when its terminal has been lost for so long (default: 10m)",
      flagReader("--leave-after", parseDurationMs),
    )
    .option("--keep", "keep it however long nobody is there");
}
