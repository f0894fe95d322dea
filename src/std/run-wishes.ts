/**
 * What `orch run` asks the daemon to do around a command. It travels in the environment of the job, and is taken out
 * of it before the command runs, so that no job hands it on to those that it submits.
 */
export const runWishes = {
  /** File for a copy of what the command writes, relative to its folder; %j and its like are filled in. */
  output: "ORCH_RUN_OUTPUT",
  /** File for what it writes on stderr, if that is to be apart. */
  error: "ORCH_RUN_ERROR",
  /** "1": these files are gone on with, not begun anew. */
  append: "ORCH_RUN_APPEND",
  /** "USR1 3540": a signal, and so many seconds after the start it is sent. */
  signal: "ORCH_RUN_SIGNAL",
  /** "1": the variables of Slurm that only the start knows are set. */
  slurm: "ORCH_RUN_SLURM",
} as const;
