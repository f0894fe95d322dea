import type { Report } from "../scheduler/events.ts";
import { type Context, hasMemory, MEMORY_POLL_MS, MEMORY_TIMEOUT_MS } from "./perform-context.ts";
import { drawMs } from "./virtual-machine.ts";
import type { Moved } from "./virtual-program.ts";

/** Has a worker's program fall asleep, and says what came of it, as of the fence that it has now. */
export function sleepWorker(context: Context, workerId: number): void {
  const worker = context.state().workers.get(workerId);
  const program = context.host.programs.get(workerId);
  if (worker === undefined || program === undefined || program.state === "dead") return;
  const { fence } = worker;
  repeatOldNews(context, "sleep", workerId);
  context.host.sleep(program, (news) => {
    const residueBytes = context.host.residueOf(program);
    tell(context, news, "sleep", { type: "worker-asleep", workerId, fence, residueBytes });
  });
}

/** Waits for the memory, then has the program wake. */
export function wakeWorker(context: Context, workerId: number): void {
  const worker = context.state().workers.get(workerId);
  if (worker === undefined) return;
  repeatOldNews(context, "wake", workerId);
  waitAndWake(context, workerId, worker.fence, context.agenda.nowMs + drawMs(context.rng, MEMORY_TIMEOUT_MS));
}

function waitAndWake(context: Context, workerId: number, fence: number, giveUpAtMs: number): void {
  const worker = context.state().workers.get(workerId);
  const program = context.host.programs.get(workerId);
  if (worker?.phase.state !== "waking" || worker.fence !== fence) return;
  if (program === undefined || program.state === "dead") return;
  if (program.state !== "asleep" || hasMemory(context, worker))
    return context.host.wake(program, worker, (news) =>
      tell(context, news, "wake", { type: "worker-woken", workerId, fence }),
    );
  if (context.agenda.nowMs < giveUpAtMs)
    return context.later(MEMORY_POLL_MS, () => waitAndWake(context, workerId, fence, giveUpAtMs));
  const failure = { type: "worker-sleep-failed", workerId, fence } as const;
  context.report({ ...failure, cause: "memory", message: "no memory" });
}

type Done = Extract<Report, { type: "worker-asleep" | "worker-woken" }>;

function tell(context: Context, news: Moved, move: keyof Context["moves"], done: Done): void {
  const { workerId, fence } = done;
  const failure = { type: "worker-sleep-failed", workerId, fence, message: news } as const;
  const report: Report =
    news === "done" ? done : { ...failure, cause: news === "unable" ? "unable" : "program" };
  context.moves[move].set(workerId, report);
  context.later(drawMs(context.rng, 40), () => context.report(report));
}

/** News of an earlier move may come once more while the next one of its kind is under way. */
function repeatOldNews(
  { moves, rng, host, later, report }: Context,
  move: "sleep" | "wake",
  id: number,
): void {
  const old = moves[move].get(id);
  if (old !== undefined && rng.chance(host.faults.duplicateReport))
    later(drawMs(rng, 100), () => report(old));
}
