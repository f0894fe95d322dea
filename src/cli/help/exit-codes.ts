/** The exit codes of the CLI that have a meaning of their own; `failureTable` maps failures to them. */
export const exitCodes: readonly (readonly [code: number, meaning: string])[] = [
  [0, "ok"],
  [1, "failed: the job, or what was asked for"],
  [2, "wrong usage: the command line, a parameter, a file"],
  [3, "no daemon: none runs, or it would not start"],
  [4, "not allowed"],
  [5, "not found: no such job, worker, runtime, GPU …"],
  [6, "refused: capacity, limits, or the state it is in"],
  [8, "not finished yet"],
  [124, "timed out while waiting"],
  [125, "orch itself failed, not the job"],
  [130, "interrupted by Ctrl-C"],
];
