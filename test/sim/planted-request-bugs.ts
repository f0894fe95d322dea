import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes that are easily made about requests, of which a restart knows nothing. */
export const requestBugs: readonly PlantedBug[] = [
  {
    name: "a worker that was finishing requests when the daemon died finishes for ever",
    file: "due.ts",
    find: 'if (worker.phase.state === "draining" && worker.jobs.size === 0) return settleIdle(tx, worker);',
    replace: "",
    why: "its GPU is never given to whom it was to make room for",
  },
  {
    name: "two requests get one id",
    file: "request-jobs.ts",
    find: "state.lastRequestId = id;",
    replace: "",
    why: "the end of one is taken for that of the other",
  },
];
