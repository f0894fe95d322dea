import type { Reply, Report, Request, SeenGpu, SeenWorker } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Step } from "../scheduler/step.ts";
import type { Rng } from "../std/rng.ts";
import type { createMemory } from "./check-transition.ts";
import type { CommitFate } from "./commit-fate.ts";
import type { Mirror } from "./mirror.ts";
import type { Performer } from "./performer.ts";
import type { DaemonParts } from "./virtual-daemon.ts";

/** What has arrived and is not handled yet. */
export interface Waiting {
  readonly event: Request | Report;
  readonly onReply: ((reply: Reply) => void) | undefined;
}

/** A step that is being written, with what follows once it is. */
export interface Commit {
  readonly batch: readonly Waiting[];
  readonly taken: Step;
  readonly nowMs: number;
  readonly crash: CommitFate["crash"];
}

/** One life of the daemon: what is lost when it dies. */
export interface Life {
  state: State;
  readonly performer: Performer;
  /** What its clock is ahead of virtual time: the host's clock when it began. */
  readonly aheadMs: number;
  inbox: Waiting[];
  isScheduled: boolean;
  writing: Commit | null;
  callers: (() => void)[];
  /** The latest timer; older ones are void. */
  timer: number;
  /** How many times in a row it has woken up for nothing, to do so again at once. */
  spins: number;
  lastSeen: readonly SeenGpu[] | null;
  lastSeenWorkers: readonly SeenWorker[];
}

/** The daemon over all its lives. */
export interface Daemon extends DaemonParts {
  readonly mirror: Mirror;
  readonly memory: ReturnType<typeof createMemory>;
  /** Decides what is checked. Apart from the world's own, so that checking more changes nothing in the world. */
  readonly checkRng: Rng;
  life: Life | undefined;
  clockAheadMs: number;
  setBackMs: number;
  diskFullUntilMs: number;
  lastRequestId: number;
}
