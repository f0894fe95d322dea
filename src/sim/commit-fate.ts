import type { Rng } from "../std/rng.ts";
import type { FaultRates } from "./options.ts";

/** Where the daemon dies around a commit. What is on disk by then differs, and what the world was told. */
export type CrashPoint =
  | "before the commit"
  | "during the commit"
  | "before the effects"
  | "between the effects";

/** What becomes of one commit. */
export interface CommitFate {
  /** How long the disk takes. The loop stands still meanwhile, and what arrives waits for the next turn. */
  readonly tookMs: number;
  readonly crash: CrashPoint | null;
}

/** Draws what becomes of the next commit. A daemon that dies during a commit has written it: else it died before. */
export function chooseFate(rng: Rng, faults: FaultRates): CommitFate {
  const tookMs = rng.chance(faults.commitSlow) ? rng.pick([5, 100, 2_000]) : 0;
  if (!rng.chance(faults.daemonCrash)) return { tookMs, crash: null };
  const points = [
    "before the commit",
    "during the commit",
    "before the effects",
    "between the effects",
  ] as const;
  return { tookMs, crash: rng.pick(points) };
}
