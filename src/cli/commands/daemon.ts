import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { START_REPORT_VARIABLE } from "../../client/start-report.ts";
import type { Config } from "../../config/config.ts";
import { type Paths, resolvePaths } from "../../config/paths.ts";
import { toFailure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { type DaemonFlags, describeDaemonFlags } from "../daemon-flags.ts";

/** What the daemon is started with. It runs until it is told to stop and resolves with the exit code. */
export interface DaemonOptions {
  readonly paths: Paths;
  readonly config: Config;
  /** A line for people on stderr, which is the terminal, the journal or the daemon's log file. */
  readonly log: (line: string) => void;
}

interface DaemonModule {
  readonly runDaemon: (options: DaemonOptions) => Promise<number>;
}

export const daemon = command<DaemonFlags>({
  name: "daemon",
  summary: "Run the daemon in the foreground",
  examples: ["orch daemon", "orch daemon --gpus virtual:2x24GiB --log-level debug"],
  withoutJson: {
    why: "it prints nothing; what it does is on stderr and in its log",
    hint: "orch up --json, orch logs --daemon --jsonl",
  },
  describe: describeDaemonFlags,
  async run(context, _args, flags) {
    try {
      return await runHere(context, flags);
    } catch (error) {
      report(context, error);
      throw error;
    }
  },
});

async function runHere({ io, out }: Context, flags: DaemonFlags): Promise<number> {
  const projectDir = flags.project === undefined ? undefined : resolve(io.cwd, flags.project);
  const paths = resolvePaths({ env: io.env, cwd: io.cwd, uid: io.uid, projectDir });
  const { loadConfig } = await import("../../config/config.ts");
  const { config } = await loadConfig({
    paths,
    env: io.env,
    projectDir,
    flags: {
      ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
      ...(flags.logLevel === undefined ? {} : { logLevel: flags.logLevel }),
    },
  });
  const module: DaemonModule = await import("../../daemon/main.ts");
  return module.runDaemon({ paths, config, log: out.note });
}

/** Whoever started this daemon in the background reads here why it did not come up. */
function report({ io }: Context, error: unknown): void {
  const path = io.env[START_REPORT_VARIABLE];
  if (path === undefined || path === "") return;
  try {
    // "r+" writes only while the starter keeps the file there, not when it has long been answered.
    writeFileSync(path, JSON.stringify({ error: toFailure(error).toBody() }), { flag: "r+" });
  } catch {
    // The same failure goes to stderr, which is the daemon's log: the starter falls back to its last line.
  }
}
