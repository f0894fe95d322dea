import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes that are easily made where environments and images are made before GPUs are granted, and after failures. */
export const startBugs: readonly PlantedBug[] = [
  {
    name: "a lane is started unprepared",
    file: "plan.ts",
    find: 'if (!isPrepared(lane)) {\n    lane.verdict = verdict("preparing");\n    return false;\n  }',
    replace: "",
    why: "its GPUs idle while an environment is built",
  },
  {
    name: "GPUs are held while an image is pulled",
    file: "preparation.ts",
    find: 'spec.needsPreparation === null || preparation.state === "done";',
    replace: 'spec.needsPreparation === null || preparation.state !== "needed";',
    why: "nobody else runs for the hours that it takes",
  },
  {
    name: "a prepared lane is forgotten",
    file: "preparation.ts",
    find: 'lane.preparation = { state: "done" };\n  tx.needsPlan = true;',
    replace: 'lane.preparation = { state: "done" };',
    why: "its jobs wait until something else happens",
  },
  {
    name: "what could not be made is not tried again",
    file: "preparation.ts",
    find: 'lane.preparation = { state: "needed" };\n  log(',
    replace: "log(",
    why: "a disk that was full for a minute keeps the lane from ever running again",
  },
  {
    name: "what was removed is not made anew",
    file: "preparation.ts",
    find: 'if (lane.preparation.state === "done") lane.preparation = { state: "needed" };',
    replace: "void lane;",
    why: "every start of the lane fails until the daemon is restarted",
  },
  {
    name: "a job that may have killed its worker shares the next one",
    file: "suspects.ts",
    find: "if (isSuspect(job)) return false;",
    replace: "",
    why: "its neighbours are lost with it again, and fail",
  },
  {
    name: "others join a job that may have killed its worker",
    file: "suspects.ts",
    find: "for (const other of jobs) if (isSuspect(other)) return false;",
    replace: "",
    why: "they are lost with it",
  },
  {
    name: "home workers are started unprepared",
    file: "home.ts",
    find: "if (!isPrepared(lane)) continue;",
    replace: "",
    why: "a free GPU is held while an environment is built",
  },
];
