import { onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";
import { attachJob } from "../terminal/attach-job.ts";
import { DETACH_KEYS, parseDetachKeys } from "../terminal/detach-keys.ts";

interface Options {
  readonly detachKeys?: string;
  readonly readOnly?: boolean;
}

export const attach = command<Options>({
  name: "attach",
  summary: "Come to the terminal of a job that was run with --pty",
  examples: ["orch attach 42", "orch attach 42 --read-only", "orch attach 42 --detach-keys 'ctrl-\\'"],
  withoutJson: { why: "on its stdout is the terminal of the job", hint: "orch logs JOB --jsonl" },
  describe: (parser) =>
    parser
      .argument("<job>", "job id")
      .option("--detach-keys <keys>", `keys that leave it running (default: ${DETACH_KEYS}; none: no keys)`)
      .option("--read-only", "look, but type nothing; Ctrl-C leaves"),
  async run(context, args, { detachKeys, readOnly }) {
    const id = onlyJobId(args);
    const keys = parseDetachKeys(detachKeys ?? DETACH_KEYS);
    const client = await context.connect();
    return attachJob(context, client, id, { detachKeys: keys, readOnly: readOnly === true, queued: null });
  },
});
