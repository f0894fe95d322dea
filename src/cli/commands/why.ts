import type { OutputOf } from "../../client/client.ts";
import { onlyJobId } from "../arguments.ts";
import { command } from "../command.ts";
import { describeDecision } from "../text/decision-text.ts";
import { describeEta } from "../text/eta-text.ts";
import { laneName } from "../text/lane-text.ts";

export const why = command({
  name: "why",
  summary: "Say why a job waits and when it is expected to start, or why it ended as it did",
  examples: ["orch why 42"],
  describe: (parser) => parser.argument("<job>", "job id"),
  async run({ io, out, connect }, args) {
    const client = await connect();
    const answer = await client.call("GET /jobs/:job/why", { job: onlyJobId(args) });
    out.result(answer, {
      ids: [answer.job.id],
      text: () => out.fields(linesOf(answer, io.clock.nowMs())),
    });
    return 0;
  },
});

type Answer = OutputOf<"GET /jobs/:job/why">;

function linesOf(answer: Answer, nowMs: number): [string, string | number | null][] {
  const { job, reason, position, ahead, lane, lanesBefore, leaving, evicts, eta } = answer;
  return [
    ["job", `${job.id} ${job.state}`],
    ["reason", reason.code],
    ["why", reason.text],
    ["lane", laneName(lane)],
    ["position", position],
    ["behind", ahead.length === 0 ? null : `jobs ${ahead.join(", ")}`],
    [
      "before it",
      textOf(lanesBefore, ({ lane: other, jobs }) => `${other} (${jobs === 1 ? "1 job" : `${jobs} jobs`})`),
    ],
    ["leaving", textOf(leaving, ({ worker, detail }) => `${worker}: ${detail}`)],
    ["will leave", textOf(evicts, (decision) => `${describeDecision(decision)}, which ${decision.why}`)],
    ["starts", eta === null ? null : describeEta(eta, nowMs)],
  ];
}

function textOf<T>(all: readonly T[], text: (each: T) => string): string | null {
  return all.length === 0 ? null : all.map(text).join("; ");
}
