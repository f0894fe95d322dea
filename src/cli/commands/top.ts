import { join } from "node:path";
import type { Environment } from "../../config/paths.ts";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { hasColour } from "../output.ts";
import { gpuColumns } from "../text/gpu-text.ts";
import { hasUtf8 } from "../text/has-utf8.ts";
import { jobColumns, unfinishedStates } from "../text/job-text.ts";
import { workerColumns } from "../text/worker-text.ts";

interface Options {
  readonly once?: boolean;
  readonly readonly?: boolean;
  readonly theme?: "dark" | "light" | "mono";
  readonly ascii?: boolean;
  readonly interval?: number;
  readonly color?: boolean;
}

const JOBS_SHOWN = 20;
const INTERVAL_MS = 1_000;
/** Ten frames a second; and somebody who looks once an hour needs no screen. */
const INTERVAL_LIMITS_MS = { least: 100, most: 3_600_000 };
const themes = ["dark", "light", "mono"] as const;

export const top = command<Options>({
  name: "top",
  summary: "GPUs, workers and jobs on one screen, kept up to date; ? lists its keys. Starts no daemon.",
  examples: [
    "orch top",
    "orch top --readonly --interval 5s",
    "orch top --once",
    "orch top --json | jq .status.gpus",
  ],
  describe: (parser) =>
    parser
      .option("-1, --once", "print it once, as text, and end; so it is when stdout is no terminal")
      .option("--readonly", "no keys that change anything")
      .option(
        "--theme <name>",
        `colours: ${themes.join(", ")} (default: as it was last, dark at first)`,
        readTheme,
      )
      .option("--ascii", "only characters that every terminal has")
      .option(
        "-i, --interval <time>",
        "time from look to look (default: 1s)",
        flagReader("--interval", readInterval),
      ),
  async run(context, _args, options) {
    const { io, out, signal } = context;
    if (options.once === true || out.format.json || out.format.quiet || !isScreen(context))
      return printOnce(context);
    const client = await context.connect({ autostart: false });
    // On its way while the screen is loaded, so that the first frame has something to show.
    const status = client.call("GET /status", {}).catch(() => null);
    const { runTop } = await import("../../tui/main.tsx");
    return runTop({
      io,
      client,
      status: await status,
      signal,
      settingsFile: join(context.paths().stateDir, "top.json"),
      theme: options.theme,
      look: {
        ascii: options.ascii === true || !hasUtf8(io.env),
        colours: options.color === false || !hasColour(io.env, io.stdout) ? 0 : coloursOf(io.env),
      },
      isReadOnly: options.readonly === true,
      intervalMs: options.interval ?? INTERVAL_MS,
    });
  },
});

function readTheme(text: string): string {
  if (themes.some((theme) => theme === text)) return text;
  throw new Failure("usage/invalid", `--theme: there is no theme "${text}"`, {
    hint: `one of ${themes.join(", ")}`,
  });
}

function readInterval(text: string): number {
  const ms = parseDurationMs(text);
  if (ms >= INTERVAL_LIMITS_MS.least && ms <= INTERVAL_LIMITS_MS.most) return ms;
  throw new Failure("usage/invalid", `"${text}" is no interval`, { hint: "write 100ms to 1h, like 2s" });
}

/** Whether stdin and stdout are a terminal that can be drawn on. */
function isScreen({ io }: Context): boolean {
  return (
    io.stdout.isTTY === true &&
    io.stdin.isTTY === true &&
    io.env["TERM"] !== "dumb" &&
    io.env["TERM"] !== undefined
  );
}

function coloursOf({ TERM, COLORTERM }: Environment): 256 | 8 {
  return COLORTERM || /256color|direct|kitty|alacritty|ghostty|wezterm/.test(TERM ?? "") ? 256 : 8;
}

async function printOnce({ io, out, connect }: Context): Promise<number> {
  const client = await connect({ autostart: false });
  const [status, { jobs, total }] = await Promise.all([
    client.call("GET /status", {}),
    client.call("GET /jobs", { states: unfinishedStates, limit: JOBS_SHOWN }),
  ]);
  out.result(
    { status, jobs, total },
    {
      ids: jobs.map((job) => job.id),
      text() {
        out.table(status.gpus, gpuColumns);
        out.print("");
        out.table(status.workers, workerColumns);
        out.print("");
        out.table(jobs, jobColumns(io.clock.nowMs()));
        if (total > jobs.length) out.note(`${total - jobs.length} more jobs; orch ls -n ${total}`);
      },
    },
  );
  return 0;
}
