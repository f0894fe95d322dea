import type { Logger } from "pino";
import type { Clock } from "../../std/clock.ts";
import type { TaskTable } from "../../store/tasks.ts";
import type { QuietWrite } from "../quiet-write.ts";
import type { ResultsFolder } from "./results-folder.ts";

/** Removes what is over and old, now and then. */
export interface Sweeper {
  stop(): void;
}

interface Parts {
  readonly table: TaskTable;
  readonly folder: ResultsFolder;
  readonly write: QuietWrite;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long finished tasks and results are kept; null = for ever. */
  readonly keepMs: number | null;
}

const SWEEP_MS = 600_000;
const AT_ONCE = 100;

/** Looks at once and every ten minutes. */
export function sweepTasks({ table, folder, write, clock, log, keepMs }: Parts): Sweeper {
  let isStopped = false;
  const sweep = async (kept: number): Promise<void> => {
    for (;;) {
      const { submissions, results } = table.endedBefore(clock.nowMs() - kept, AT_ONCE);
      if (isStopped || submissions.length + results.length === 0) return;
      // Files first: if that is cut short, the record is there still, and the next look finds it.
      for (const { folder: place } of results) await folder.remove(place);
      await write(() =>
        table.forget(
          submissions,
          results.map(({ taskId }) => taskId),
        ),
      );
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
