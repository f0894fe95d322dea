import { onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";

export const why = command({
  name: "why",
  summary: "Say why a job waits, or why it ended as it did",
  examples: ["orch why 42"],
  describe: (parser) => parser.argument("<job>", "job id"),
  async run({ out, connect }, args) {
    const client = await connect();
    const answer = await client.call("GET /jobs/:job/why", { job: onlyJobId(args) });
    const { job, reason, position, ahead, lane } = answer;
    out.result(answer, {
      ids: [job.id],
      text: () =>
        out.fields([
          ["job", `${job.id} ${job.state}`],
          ["reason", reason.code],
          ["why", reason.text],
          ["lane", lane],
          ["position", position],
          ["behind", ahead.length === 0 ? null : `jobs ${ahead.join(", ")}`],
        ]),
    });
    return 0;
  },
});
