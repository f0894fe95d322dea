import { statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../std/clock.ts";
import { packageRoot } from "../../std/package-root.ts";
import { askProgram } from "../ask-program.ts";
import { bad, type Check, ok, warn } from "./finding.ts";

const DEADLINE_MS = 3_000;
const DAY_MS = 86_400_000;

/** Times of schedules, reservations and deadlines are the host's. */
export const checkClock: Check = {
  name: "clock",
  async look({ env }) {
    const nowMs = systemClock.nowMs();
    const installedMs = statSync(join(packageRoot(), "package.json")).mtimeMs;
    const now = new Date(nowMs).toISOString();
    if (nowMs < installedMs - DAY_MS) {
      return [
        bad(
          "clock",
          `it is ${now}, before orch was installed`,
          "the clock was set back, or was never set",
          "timedatectl set-ntp true",
        ),
      ];
    }
    const answer = await askProgram(["timedatectl", "show", "-p", "NTPSynchronized", "--value"], {
      env,
      deadlineMs: DEADLINE_MS,
    });
    if (answer.stdout.trim() === "no")
      return [
        warn(
          "clock",
          "it is not synchronized",
          "schedules and reservations go by it",
          "timedatectl set-ntp true",
        ),
      ];
    return [ok("clock", now)];
  },
};
