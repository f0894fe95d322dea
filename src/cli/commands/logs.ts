import { integerFlag, onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";

interface Options {
  readonly follow?: boolean;
  readonly tail?: number;
}

export const logs = command<Options>({
  name: "logs",
  summary: "Print what a job wrote",
  examples: ["orch logs 42", "orch logs -f 42", "orch logs -n 100 42"],
  describe: (parser) =>
    parser
      .argument("<job>", "job id")
      .option("-f, --follow", "go on until the job is finished")
      .option("-n, --tail <lines>", "only the last lines", integerFlag("--tail", 0, 1_000_000_000)),
  async run({ out, connect, signal }, args, options) {
    const client = await connect();
    const input = {
      job: onlyJobId(args),
      ...(options.follow === true ? { follow: true } : {}),
      ...(options.tail === undefined ? {} : { tail: options.tail }),
    };
    for await (const line of client.stream("GET /jobs/:job/logs", input, { signal })) {
      if (out.format.json) out.printJsonLine(line);
      else out.write(line.text);
    }
    return 0;
  },
});
