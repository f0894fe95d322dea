import type { Logger } from "pino";
import type { State } from "../scheduler/model.ts";
import { toFailure } from "../std/failure.ts";

/** Decides when the daemon is done. */
export interface End {
  /** Resolves with the exit code once everything that the mode waits for is over. */
  readonly reached: Promise<number>;
  /** The scheduler has been told to stop; `look` after each commit tells when it has. */
  begin(mode: "leave" | "drain" | "kill"): void;
  look(): void;
  /** A bug: the daemon ends at once rather than act on a state it cannot trust. Workers live on for the next one. */
  crash(error: unknown): void;
  onSignals(stop: () => void): void;
}

/** `leave` waits for the workers it stopped, but never longer than a service manager has patience. */
const LEAVE_LIMIT_MS = 25_000;
const CRASHED = 125;

/** Waits for signals and for the scheduler to be done; see `End`. */
export function createEnd({ state, log }: { readonly state: () => State; readonly log: Logger }): End {
  let reach = (_code: number): void => {};
  const reached = new Promise<number>((resolve) => {
    reach = resolve;
  });
  let mode: "leave" | "drain" | "kill" | null = null;
  const look = (): void => {
    if (mode === null) return;
    const waitsFor = [...state().workers.values()].some(
      (worker) => mode !== "leave" || worker.phase.state === "stopping",
    );
    // Replies to the last requests are still on their way out.
    if (!waitsFor) setTimeout(() => reach(0), 20);
  };
  return {
    reached,
    look,
    begin(asked) {
      if (mode !== "leave" && asked === "leave") setTimeout(() => reach(0), LEAVE_LIMIT_MS).unref();
      mode = asked;
      look();
    },
    crash(error) {
      const isBug = toFailure(error).code === "bug";
      const what = isBug ? "a bug in orch" : toFailure(error).message;
      log.fatal({ err: error }, `${what}: the daemon ends; its workers live on`);
      reach(CRASHED);
    },
    onSignals(stop) {
      process.once("SIGTERM", stop);
      process.once("SIGINT", stop);
      process.once("SIGHUP", stop);
    },
  };
}
