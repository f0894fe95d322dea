import { formatDurationMs } from "../../std/duration.ts";
import { integerFlag } from "../arguments.ts";
import { command } from "../command.ts";
import { decisionColumns } from "../text/decision-text.ts";

interface Options {
  readonly limit?: number;
}

export const plan = command<Options>({
  name: "plan",
  summary:
    "Show what the scheduler will do next, should nothing new come and all take as long as it did before",
  examples: ["orch plan", "orch plan -n 50 --json"],
  describe: (parser) =>
    parser.option("-n, --limit <count>", "decisions to show (default: 20)", integerFlag("--limit", 1, 1000)),
  async run({ io, out, connect }, _args, { limit }) {
    const client = await connect();
    const answer = await client.call("GET /plan", limit === undefined ? {} : { limit });
    const { decisions, until, complete } = answer;
    out.result(answer, {
      ids: decisions.flatMap(({ kind, job }) => (kind === "start-job" && job !== null ? [job] : [])),
      text() {
        if (decisions.length > 0) out.table(decisions, decisionColumns);
        const aheadMs = Math.max(0, Date.parse(until) - io.clock.nowMs());
        const end = complete ? "nothing is planned after that" : "more: orch plan -n 100";
        out.note(
          decisions.length === 0 ? "nothing is planned" : `${formatDurationMs(aheadMs)} ahead; ${end}`,
        );
      },
    });
    return 0;
  },
});
