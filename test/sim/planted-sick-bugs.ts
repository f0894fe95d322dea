import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes about GPUs that need a person. */
export const sickBugs: readonly PlantedBug[] = [
  {
    name: "a GPU in quarantine is given work",
    why: "it is kept out until somebody has looked at it",
    file: "capacity.ts",
    find: "return healthy && quarantine === null;",
    replace: "return healthy;",
  },
  {
    name: "what the driver complains of is forgotten with the next reading",
    why: "it does not pass by itself",
    file: "see-gpus.ts",
    find: "if (fault !== null) quarantine(tx, gpu, fault.code, fault.text);",
    replace:
      "if (fault === null) gpu.quarantine = null;\n    else quarantine(tx, gpu, fault.code, fault.text);",
  },
  {
    name: "one start that met stuck memory puts the GPU aside",
    why: "twice, and the GPU is at fault",
    file: "quarantine.ts",
    find: "if (gpu.memoryFailures >= MEMORY_FAILURES)",
    replace: "if (gpu.memoryFailures > 0)",
  },
  {
    name: "a program that hangs costs its GPU nothing",
    why: "whatever is started there meets it",
    file: "quarantine.ts",
    find: "for (const { gpu } of worker.leases) quarantine(",
    replace: "for (const { gpu } of [] as typeof worker.leases) quarantine(",
  },
  {
    name: "the jobs of a program that hangs wait for it",
    why: "they are given back",
    file: "quarantine.ts",
    find: "for (const job of [...worker.jobs]) settleJob(tx, job, lost);",
    replace: "void lost;",
  },
];
