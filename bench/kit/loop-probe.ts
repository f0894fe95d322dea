import fs from "node:fs";
import path from "node:path";
import { until } from "./until.ts";

/** A time in which the event loop of a daemon did not turn, in milliseconds. */
export interface Block {
  readonly wallMs: number;
  /** Of the loop's thread: what it did itself. */
  readonly cpuMs: number;
  /** It waited for a core that others had. */
  readonly waitedMs: number;
  /** In which the collector of garbage held it. */
  readonly gcMs: number;
}

/** Flags of Node for a daemon that is to be probed. */
export function probeFlags(root: string): string[] {
  return ["--require", path.join(root, "bench", "kit", "loop-probe.cjs")];
}

const fileIn = (home: string): string => path.join(home, "loop-probe.json");

/** The blocks since this was last asked. */
export async function readBlocks({ home, pid }: { home: string; pid: number }): Promise<Block[]> {
  fs.rmSync(fileIn(home), { force: true });
  process.kill(pid, "SIGUSR2");
  await until("the probe answers", () => fs.existsSync(fileIn(home)), { deadlineMs: 600_000 });
  return (JSON.parse(fs.readFileSync(fileIn(home), "utf8")) as { blocks: Block[] }).blocks;
}
