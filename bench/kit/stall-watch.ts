import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call, encode } from "./connection.ts";
import { type Daemon, makeHome, startDaemon } from "./daemon.ts";
import { milliseconds, report } from "./figure.ts";
import { type Block, probeFlags, readBlocks } from "./loop-probe.ts";

const PROMISED_MS = 50;
/** What was asked for may go on for a while after the answer. */
const QUIET_MS = 300;
/** `--only=EXPRESSION`: the others are not even done. */
const wanted = process.argv.find((each) => each.startsWith("--only="))?.slice("--only=".length);

/** A daemon whose event loop is watched from outside. */
export interface Watched {
  readonly home: string;
  daemon(): Daemon;
  /** Starts it, anew if it has been stopped, and tells for how long its loop stood still once it listens. */
  start(name: string): Promise<void>;
  stop(): Promise<void>;
  /** Over a connection of its own: one that is quiet for a minute is closed. */
  ask<T>(method: "GET" | "POST", route: string, body?: unknown): Promise<T>;
  /** Does something and tells for how long the loop stood still at the longest. */
  watch(name: string, act: () => Promise<unknown>): Promise<void>;
}

/** No daemon runs yet. */
export function watchDaemon(): Watched {
  const home = makeHome();
  const root = process.env["ORCH_BENCH_ROOT"] ?? path.dirname(path.dirname(import.meta.dirname));
  const nodeFlags = probeFlags(root);
  let current: Daemon | null = null;
  const daemon = (): Daemon => {
    if (current === null) throw new Error("no daemon runs");
    return current;
  };
  return {
    home,
    daemon,
    async start(name) {
      current = await startDaemon({ home, env: { ORCH_CPU_CORES: "2000", HOME: home }, nodeFlags });
      await sleep(QUIET_MS);
      tell(name, await readBlocks(current), current.startMs);
    },
    stop: () => daemon().stop({ keepHome: true }),
    async ask<T>(method: "GET" | "POST", route: string, body?: unknown): Promise<T> {
      const connection = await daemon().connect();
      const answer = await call<T>(connection, encode(method, route, body));
      connection.close();
      return answer;
    },
    async watch(name, act) {
      if (wanted !== undefined && !new RegExp(wanted).test(name)) return;
      await readBlocks(daemon());
      const startMs = performance.now();
      await act();
      const tookMs = performance.now() - startMs;
      await sleep(QUIET_MS);
      tell(name, await readBlocks(daemon()), tookMs);
    },
  };
}

/** Judged by CPU time: what the machine's other programs take is not the daemon's. */
function tell(name: string, blocks: readonly Block[], tookMs: number): void {
  const longest = (of: (block: Block) => number): number => Math.max(0, ...blocks.map(of));
  const cpuMs = longest((block) => block.cpuMs);
  const gcMs = longest((block) => block.gcMs);
  const offCoreMs = longest((block) => block.wallMs - block.waitedMs);
  report({
    name,
    target: `≤ ${PROMISED_MS} ms of CPU`,
    measured: `${milliseconds(longest((b) => b.wallMs))}, CPU ${milliseconds(cpuMs)}`,
    met: cpuMs <= PROMISED_MS,
    baseline: `without the wait for a core ${milliseconds(offCoreMs)}, GC ${milliseconds(gcMs)}; all took ${(tookMs / 1000).toFixed(1)} s`,
  });
}
