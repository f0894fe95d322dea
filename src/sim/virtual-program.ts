import type { RunOutcome, WorkerExit } from "../scheduler/events.ts";
import type { HeldMode } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import type { VirtualGpu } from "./virtual-machine.ts";

/** One run of a job inside a program. It lives on while the daemon is down, and so does its outcome. */
export interface Run {
  readonly jobId: number;
  readonly attempt: number;
  outcome: RunOutcome | null;
  readonly watchers: Set<(outcome: RunOutcome) => void>;
}

/** What a program holds of a GPU. */
export interface Claim {
  readonly gpu: VirtualGpu;
  readonly mode: HeldMode;
  readonly vramBytes: number;
}

/** A worker's program as the world sees it. */
export interface Program {
  readonly workerId: number;
  readonly fence: number;
  readonly laneKey: string;
  readonly oneShot: boolean;
  claims: readonly Claim[];
  state: "loading" | "ready" | "asleep" | "waking" | "dead";
  exit: WorkerExit | null;
  /** What a one-shot program's exit means for its job. */
  result: RunOutcome | null;
  readonly runs: Run[];
  /** It was killed and hangs in the kernel. */
  isStuck: boolean;
  readonly watchers: Set<(news: "ready" | "exited" | "stuck") => void>;
  /** Who waits for it to fall asleep or wake up; null while it does neither. */
  movers: Set<(news: Moved) => void> | null;
}

/** What came of an order to sleep or to wake. */
export type Moved = "done" | "failed" | "unable";

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
    const kind = !program.oneShot ? "lost" : code === 0 ? "succeeded" : "failed";
    const outcome: RunOutcome = { ...outcomeOf(kind, program.oneShot ? code : null), cause: exit.cause };
    endRun(run, outcome);
    if (program.oneShot) program.result = run.outcome;
  }
  for (const tell of [...program.watchers]) tell("exited");
}

/**
 * An exclusive lease means one program on the GPU in the world, not just in the books.
 * @throws AssertionFailed when `program`, which begins, meets `other`, which runs, where one of them may not share
 */
export function checkNeighbours(program: Program, other: Program): void {
  for (const { gpu, mode } of program.claims) {
    const claim = other.claims.find((candidate) => candidate.gpu === gpu);
    if (claim === undefined || claim.mode === "residue") continue;
    const isExclusive = mode === "exclusive" || claim.mode === "exclusive";
    const pair = `workers ${other.workerId} and ${program.workerId}`;
    assert(!isExclusive, `${pair} run on GPU ${gpu.index} at once though one has it exclusively`);
  }
}

/**
 * No job may run twice at once, and no attempt twice at all.
 * @param others the runs of the job so far
 * @throws AssertionFailed naming the job
 */
export function checkNewRun(others: readonly Run[], jobId: number, attempt: number): void {
  for (const run of others) {
    assert(run.outcome !== null, `job ${jobId} runs twice at once`);
    assert(run.attempt < attempt, `attempt ${attempt} of job ${jobId} was run after attempt ${run.attempt}`);
  }
}
