/** States of a worker as callers see them. */
export const workerStates = [
  "starting",
  "ready",
  "busy",
  "draining",
  "falling-asleep",
  "asleep",
  "waking",
  "stopping",
  "gone",
  "failed",
] as const;

/** What a plan can decide. */
export const decisionKinds = [
  "start-worker",
  "wake-worker",
  "drain-worker",
  "sleep-worker",
  "stop-worker",
  "start-job",
  "end-job",
] as const;
