import { basicBugs, type PlantedBug } from "./planted-bugs.ts";
import { kindBugs } from "./planted-kind-bugs.ts";
import { policyBugs } from "./planted-policy-bugs.ts";
import { requestBugs } from "./planted-request-bugs.ts";
import { scheduleBugs } from "./planted-schedule-bugs.ts";
import { sickBugs } from "./planted-sick-bugs.ts";
import { sleepBugs } from "./planted-sleep-bugs.ts";
import { startBugs } from "./planted-start-bugs.ts";
import { timingBugs } from "./planted-timing-bugs.ts";

/** Mistakes that are easily made in the scheduler. The simulator has to find every one of them. */
export const plantedBugs: readonly PlantedBug[] = [
  ...basicBugs,
  ...timingBugs,
  ...policyBugs,
  ...sleepBugs,
  ...startBugs,
  ...kindBugs,
  ...sickBugs,
  ...requestBugs,
  ...scheduleBugs,
];
