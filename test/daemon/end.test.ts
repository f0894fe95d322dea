import pino from "pino";
import { describe, expect, test } from "vitest";
import { createEnd } from "../../src/daemon/end.ts";
import { commandLane } from "../../src/operations/new-job.ts";
import type { Report } from "../../src/scheduler/events.ts";
import type { State } from "../../src/scheduler/model.ts";
import { createState } from "../../src/scheduler/state.ts";
import { step } from "../../src/scheduler/step.ts";
import { newJob } from "../../src/sim/users.ts";
import { testPolicy } from "../kit/policy.ts";

const policy = testPolicy({ cpuCores: 4, quantumFactor: 1 });
const log = pino({ level: "silent" });

const command = newJob(commandLane({ gpus: 0, vramBytes: null, mode: "exclusive", cpus: null, ramBytes: 0 }));

/** A scheduler with this many commands running, and the end of its daemon. */
function host(running: number) {
  const state: State = createState(policy);
  let atMs = 1000;
  step(state, [{ type: "submit", jobs: Array.from({ length: running }, () => command), atMs }]);
  for (let workerId = 1; workerId <= running; workerId++)
    step(state, [{ type: "worker-spawned", workerId, identity: {}, atMs }]);
  const end = createEnd({ state: () => state, log });
  let code: number | null = null;
  void end.reached.then((reached) => {
    code = reached;
  });
  return {
    end,
    shutDown(mode: "leave" | "drain" | "kill"): void {
      step(state, [{ type: "shut-down", mode, atMs }]);
      end.begin(mode);
    },
    exits(workerId: number): void {
      atMs += 1;
      const exit = { exitCode: 0, detail: null };
      const result = {
        kind: "succeeded",
        exitCode: 0,
        message: null,
        output: null,
        artifacts: null,
      } as const;
      const report: Report = { type: "worker-exited", workerId, exit, result };
      step(state, [{ ...report, atMs }]);
      end.look();
    },
    /** The exit code if the end is reached within the time that replies are given; null if not. */
    async outcome(): Promise<number | null> {
      await Promise.race([end.reached, new Promise((resolve) => setTimeout(resolve, 100))]);
      return code;
    },
  };
}

describe("the end of the daemon", () => {
  test("does not come by itself", async () => {
    const idle = host(0);
    idle.end.look();
    expect(await idle.outcome()).toBeNull();
  });

  test.each(["leave", "drain", "kill"] as const)("comes at once when nothing runs (%s)", async (mode) => {
    const idle = host(0);
    idle.shutDown(mode);
    expect(await idle.outcome()).toBe(0);
  });

  test("leave: running jobs are not waited for", async () => {
    const busy = host(2);
    busy.shutDown("leave");
    expect(await busy.outcome()).toBe(0);
  });

  test.each(["drain", "kill"] as const)("%s: it waits for the last worker", async (mode) => {
    const busy = host(2);
    busy.shutDown(mode);
    expect(await busy.outcome()).toBeNull();
    busy.exits(1);
    expect(await busy.outcome()).toBeNull();
    busy.exits(2);
    expect(await busy.outcome()).toBe(0);
  });

  test("who drains may change his mind: kill stays a wait, leave ends it", async () => {
    const busy = host(1);
    busy.shutDown("drain");
    expect(await busy.outcome()).toBeNull();
    busy.shutDown("leave");
    expect(await busy.outcome()).toBe(0);
    const stopping = host(1);
    stopping.shutDown("drain");
    stopping.shutDown("kill");
    expect(await stopping.outcome(), "its worker is being stopped").toBeNull();
    stopping.exits(1);
    expect(await stopping.outcome()).toBe(0);
  });

  test("a bug ends it at once, whatever runs, with the code of orch's own failures", async () => {
    const busy = host(2);
    busy.end.crash(new Error("planted"));
    expect(await busy.outcome()).toBe(125);
  });
});
