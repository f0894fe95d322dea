import type { CompatDoor } from "../compat.ts";

/** The settings of the task system. */
export interface MlocOptions extends CompatDoor {
  /** A file with the token that its clients send, absolute; null = they send keys of orch. */
  readonly tokenFile: string | null;
  /** What clients are told that an hour of a worker costs. */
  readonly costPerHour: number;
}
