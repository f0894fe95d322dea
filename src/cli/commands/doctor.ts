import type { Examination, Finding } from "../../host/main.ts";
import { Failure } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import type { Colour, Output } from "../output.ts";
import { oneLine } from "../text/width.ts";

export const doctor = command({
  name: "doctor",
  summary: "Check this machine for all that orch needs; exits 1 when something is broken. Changes nothing",
  examples: [
    "orch doctor",
    "orch doctor gpus containers",
    "orch doctor --json | jq '.findings[] | select(.level != \"ok\")'",
  ],
  describe: (parser) => parser.argument("[checks...]", "only these: node, config, state, daemon, gpus …"),
  async run(context, only) {
    const { out } = context;
    const found = await examineHost(context, only);
    const troubled = found.findings.filter(({ level }) => level !== "ok");
    out.result(found, {
      ids: troubled.map(({ check }) => check),
      text() {
        for (const finding of found.findings) printFinding(out, finding);
      },
    });
    out.hint(summarize(troubled));
    return found.ok ? 0 : 1;
  },
});

async function examineHost({ io, paths }: Context, only: readonly string[]): Promise<Examination> {
  const { checkNames, examine } = await import("../../host/main.ts");
  const unknown = only.find((name) => !checkNames.includes(name));
  if (unknown !== undefined) {
    const near = suggest(unknown, checkNames);
    throw new Failure("usage/invalid", `there is no check "${unknown}"`, {
      why: `the checks are ${checkNames.join(", ")}`,
      hint: near === undefined ? "orch doctor" : `orch doctor ${near}`,
    });
  }
  const host = { paths: paths(), env: io.env, uid: io.uid, cwd: io.cwd };
  return examine(only.length === 0 ? host : { ...host, only });
}

const COLOURS = { ok: "green", warn: "yellow", bad: "red" } as const satisfies Record<
  Finding["level"],
  Colour
>;
const CHECK_WIDTH = 14;

function printFinding(out: Output, { level, check, what, why, fix }: Finding): void {
  out.print(`${out.paint(COLOURS[level], level.padEnd(4))}  ${check.padEnd(CHECK_WIDTH)}  ${oneLine(what)}`);
  const indent = " ".repeat(6 + CHECK_WIDTH + 2);
  if (why !== null) out.print(`${indent}why: ${oneLine(why)}`);
  if (fix !== null) out.print(`${indent}try: ${oneLine(fix)}`);
}

function summarize(troubled: readonly Finding[]): string {
  const bad = troubled.filter(({ level }) => level === "bad").length;
  if (bad > 0) return `${bad} broken; if that is not yours to mend: orch bug-report`;
  return troubled.length === 0 ? "all is well" : "nothing is broken";
}
