import type { Logger } from "pino";
import type { Clock } from "../../std/clock.ts";
import { forget, type PruneParts } from "./prune-tasks.ts";

/** Removes what is over and old, now and then. */
export interface Sweeper {
  stop(): void;
}

interface Parts extends PruneParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long finished tasks and results are kept; null = for ever. */
  readonly keepMs: number | null;
}

const SWEEP_MS = 600_000;
const AT_ONCE = 100;

/** Looks at once and every ten minutes. */
export function sweepTasks({ clock, log, keepMs, ...parts }: Parts): Sweeper {
  let isStopped = false;
  const sweep = async (kept: number): Promise<void> => {
    for (;;) {
      const beforeMs = clock.nowMs() - kept;
      const over = parts.table.endedBefore({ beforeMs, state: null, uid: null, limit: AT_ONCE });
      if (isStopped || over.documents.length + over.sentIn.length === 0) return;
      await forget(parts, over);
    }
  };
  const look = (): void => {
    if (keepMs === null) return;
    sweep(keepMs).catch((error: unknown) => {
      if (!isStopped) log.warn({ err: error }, "old tasks could not be removed");
    });
  };
  look();
  const timer = setInterval(look, SWEEP_MS);
  timer.unref();
  return {
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}
