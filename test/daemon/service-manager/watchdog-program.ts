import { createInterface } from "node:readline";
import { meetServiceManager } from "../../../src/daemon/service-manager/service-manager.ts";
import { systemClock } from "../../../src/std/clock.ts";

// Meets the manager as the daemon does; a line on stdin is for how many milliseconds the loop is to stand still.
const manager = meetServiceManager(process.env, process.pid);
manager.ready(
  () => `inherits ${Object.keys(process.env).filter((name) => /NOTIFY|WATCHDOG/.test(name)).length}`,
);
createInterface({ input: process.stdin }).on("line", (line) => {
  const untilMs = systemClock.monotonicMs() + Number(line);
  while (systemClock.monotonicMs() < untilMs);
  process.stdout.write("moves again\n");
});
