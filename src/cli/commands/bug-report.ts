import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { errnoOf, Failure } from "../../std/failure.ts";
import { collectJobIds } from "../arguments.ts";
import { command } from "../command.ts";

interface Options {
  readonly job?: number[];
}

export const bugReport = command<Options>({
  name: "bug-report",
  summary: [
    "Write one text file with what is needed to find a fault in orch, without secrets",
    "",
    "In it: versions, what `orch doctor` finds, settings, units, the state of the daemon, its last events and the end of its log. Params and logs of jobs are not in it, but for those named by --job. Read it before you send it.",
  ].join("\n"),
  examples: ["orch bug-report", "orch bug-report --job 42 report.txt", "orch bug-report - | less"],
  describe: (parser) =>
    parser
      .argument("[file]", 'where to write it, "-" for stdout (default: orch-bug-report-TIME.txt)')
      .option("--job <ids>", "also the params and the log of these jobs", collectJobIds),
  async run({ io, out, paths }, [file], options) {
    if (file === "-" && out.format.json) {
      throw new Failure("usage/invalid", "--json does not go with - as the file", {
        why: "on stdout is the report then",
        hint: "orch bug-report report.txt --json",
      });
    }
    const { collectReport } = await import("../../host/main.ts");
    const report = await collectReport({
      ...{ paths: paths(), env: io.env, uid: io.uid, cwd: io.cwd },
      jobs: options.job ?? [],
    });
    if (file === "-") {
      out.write(report);
      return 0;
    }
    const path = resolve(io.cwd, file ?? `orch-bug-report-${timeInName(io.clock.nowMs())}.txt`);
    writeNew(path, report);
    const bytes = Buffer.byteLength(report);
    out.result({ file: path, bytes }, { ids: [path], text: () => out.print(path) });
    out.hint(
      "read it before you send it: what is hidden is found by names and forms, and that can miss something",
    );
    return 0;
  },
});

/** For a file name, to the second, in UTC. */
function timeInName(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new Failure("usage/invalid", `cannot write ${path}`, {
      why: errnoOf(error) === "EEXIST" ? "it is there already" : errnoOf(error),
      hint: "orch bug-report FILE, or - for stdout",
      cause: error,
    });
  }
}
