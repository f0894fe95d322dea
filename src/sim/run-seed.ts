import { assert } from "../std/assert.ts";
import { checkWaits } from "./check-waits.ts";
import { createDiary, type Tally, type TraceEntry } from "./diary.ts";
import { LONGEST_KEEP_ALIVE_MS } from "./lane-profiles.ts";
import { chooseOptions, type SimOptions } from "./options.ts";
import { createWorld, START_MS, type World } from "./world.ts";

/** What came of a seed. */
export interface SimResult {
  readonly seed: number;
  readonly options: SimOptions;
  /** Null, or what went wrong, with the last steps before it. */
  readonly failure: string | null;
  readonly events: number;
  readonly steps: number;
  readonly jobs: number;
  readonly virtualMs: number;
  /** How often each kind of event, effect and fault came up. */
  readonly tally: Tally;
  /** Every step with its events, replies and effects, if it was kept. Equal seeds and options give equal traces. */
  readonly trace: readonly TraceEntry[];
}

/** After the healing everything must be finished within this time, and this much per job. */
const PATIENCE_MS = 180_000;
const PATIENCE_PER_JOB_MS = 90_000;

/**
 * Runs the world of a seed: a phase of users and faults, then one without, in which everything has to be finished.
 * What a step changed is checked after every step, the whole state at random. It never throws for what the checks find.
 * @param keepsTrace without it runs take less memory and time, and `trace` stays empty
 */
export function runSeed(seed: number, overrides: Partial<SimOptions> = {}, keepsTrace = true): SimResult {
  const options = chooseOptions(seed, overrides);
  const diary = createDiary(keepsTrace);
  let world: World | undefined;
  let failure: string | null = null;
  try {
    world = createWorld(seed, options, diary);
    runToEnd(world, options);
  } catch (error) {
    failure = error instanceof Error ? describeError(error) : String(error);
  }
  return {
    seed,
    options,
    failure,
    events: diary.events,
    steps: diary.steps,
    jobs: world?.daemon.mirror.jobs.size ?? 0,
    virtualMs: world === undefined ? 0 : world.nowMs - START_MS,
    tally: diary.tally,
    trace: diary.trace,
  };
}

/** A failed run as text: seed, expanded options and the last `lines` steps, so that it can be found again. */
export function describeResult(result: SimResult, lines = 12): string {
  const { seed, options, failure, steps, events, jobs, virtualMs } = result;
  const head = `seed ${seed}: ${steps} steps, ${events} events, ${jobs} jobs, ${virtualMs / 1000} virtual s`;
  if (failure === null) return `${head}: ok`;
  const last = result.trace.slice(-lines).map(describeEntry);
  return [
    `${head}: FAILED`,
    failure,
    "last steps:",
    ...last,
    `options: ${JSON.stringify(options)}`,
    `again: npm run sim -- --seed ${seed}`,
  ].join("\n");
}

/** One step as one line. */
export function describeEntry(entry: TraceEntry): string {
  const replies = entry.replies.filter((reply) => reply !== null);
  const parts = [entry.events, replies, entry.effects, entry.log.map(({ text }) => text)];
  return `${entry.atMs} ${parts.map((part) => JSON.stringify(part)).join(" ⇒ ")}`;
}

function runToEnd(world: World, options: SimOptions): void {
  const healAtMs = world.nowMs + options.chaosMs;
  while (world.nowMs < healAtMs && world.next());
  world.heal();
  const patienceMs = PATIENCE_MS + world.unfinished().length * PATIENCE_PER_JOB_MS + world.daemon.setBackMs;
  const endAtMs = world.nowMs + patienceMs;
  while (world.unfinished().length > 0) {
    assert(world.nowMs < endAtMs, `jobs ${world.unfinished().join(", ")} do not finish in ${patienceMs} ms`);
    for (let turn = 0; turn < 20; turn++) assert(world.next(), "nothing will ever happen again");
  }
  checkRest(world, options);
  if (options.backlogPerLane > 0)
    checkWaits(world.daemon.mirror, options.lanes, options.policy.quantumFactor);
}

/** Once all is finished and idle workers have had their time, only those remain that may stay for ever. */
function checkRest(world: World, options: SimOptions): void {
  const endAtMs = world.nowMs + 60_000 + longestSleepMs(options);
  while (world.nowMs < endAtMs && world.next());
  for (const worker of world.daemon.state?.workers.values() ?? []) {
    const { keepAliveMs, minReplicas } = worker.lane.spec;
    const { state } = worker.phase;
    const mayStay = (state === "ready" || state === "asleep") && (keepAliveMs === null || minReplicas > 0);
    assert(mayStay, `${worker.name} is left over in state ${state}`);
    const program = world.host.programs.get(worker.id)?.state;
    assert(program === state, `${worker.name} counts as ${state} and is ${program ?? "missing"}`);
  }
}

/** Workers that sleep are kept for some keep-alives. */
function longestSleepMs({ lanes }: SimOptions): number {
  return lanes.some(({ spec }) => spec.sleep !== null) ? 4 * LONGEST_KEEP_ALIVE_MS : 0;
}

function describeError(error: Error): string {
  const frames = (error.stack ?? "").split("\n").slice(1, 6);
  return [`${error.name}: ${error.message}`, ...frames].join("\n");
}
