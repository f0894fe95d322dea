import type { ProcessIdentity } from "../engine/engine.ts";

/** What the daemon holds of one worker's program: nothing of it is needed to start again, only to go on. */
export interface Hand {
  readonly workerId: number;
  /** Aborted once the worker is to stop: whatever still waits for it gives up. */
  readonly abort: AbortController;
  /** Null until the program runs. */
  identity: ProcessIdentity | null;
  /** What an earlier daemon has left is looked at first. */
  readonly inherited: boolean;
  /** Resolves once it is known whether the program runs: after the start or the look at what is left. */
  readonly settled: Promise<void>;
  settle(): void;
  isGone: boolean;
  /** Why it is being stopped, where the exit alone would not tell ("not ready within 10m"). */
  note: string | null;
  /** When it last said something of a job, on the monotonic clock. */
  heardAtMs: number;
}

/** The hands of all workers, and which worker a process id belongs to. */
export interface Hands {
  get(workerId: number): Hand | undefined;
  /** The one that exists, or a new one. */
  take(workerId: number, inherited: boolean): { readonly hand: Hand; readonly isNew: boolean };
  drop(workerId: number): void;
  all(): Iterable<Hand>;
}

/** No hands yet; see `Hands`. */
export function createHands(): Hands {
  const hands = new Map<number, Hand>();
  return {
    get: (workerId) => hands.get(workerId),
    take(workerId, inherited) {
      const known = hands.get(workerId);
      if (known) return { hand: known, isNew: false };
      const hand = createHand(workerId, inherited);
      hands.set(workerId, hand);
      return { hand, isNew: true };
    },
    drop: (workerId) => void hands.delete(workerId),
    all: () => hands.values(),
  };
}

function createHand(workerId: number, inherited: boolean): Hand {
  let settle = (): void => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return {
    workerId,
    abort: new AbortController(),
    identity: null,
    inherited,
    settled,
    settle,
    isGone: false,
    note: null,
    heardAtMs: Number.NEGATIVE_INFINITY,
  };
}
