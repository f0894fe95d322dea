import type { RunOutcome, WorkerExit } from "../scheduler/events.ts";
import type { LeaseMode } from "../scheduler/model.ts";
import type { VirtualGpu } from "./virtual-host.ts";

/** One run of a job inside a program. It lives on while the daemon is down, and so does its outcome. */
export interface Run {
  readonly jobId: number;
  readonly attempt: number;
  outcome: RunOutcome | null;
  readonly watchers: Set<(outcome: RunOutcome) => void>;
}

/** A worker's program as the world sees it. */
export interface Program {
  readonly workerId: number;
  readonly fence: number;
  readonly laneKey: string;
  readonly oneShot: boolean;
  readonly claims: readonly {
    readonly gpu: VirtualGpu;
    readonly mode: LeaseMode;
    readonly vramBytes: number;
  }[];
  state: "loading" | "ready" | "dead";
  exit: WorkerExit | null;
  /** What a one-shot program's exit means for its job. */
  result: RunOutcome | null;
  readonly runs: Run[];
  readonly watchers: Set<(news: "ready" | "exited") => void>;
}

/** An outcome with nothing to show. */
export function outcomeOf(kind: RunOutcome["kind"], exitCode: number | null = null): RunOutcome {
  return { kind, exitCode, message: null, output: null, artifacts: null };
}

/** Ends a run once; later ends change nothing. */
export function endRun(run: Run, outcome: RunOutcome): void {
  if (run.outcome !== null) return;
  run.outcome = outcome;
  for (const tell of [...run.watchers]) tell(outcome);
}

/** Ends a program once: what it still runs is lost, whoever watches is told. */
export function endProgram(program: Program, exit: WorkerExit): void {
  if (program.state === "dead") return;
  program.state = "dead";
  program.exit = exit;
  for (const run of program.runs) {
    const code = exit.exitCode ?? 1;
    const outcome = program.oneShot
      ? outcomeOf(code === 0 ? "succeeded" : "failed", code)
      : outcomeOf("lost");
    endRun(run, outcome);
    if (program.oneShot) program.result = outcome;
  }
  for (const tell of [...program.watchers]) tell("exited");
}
