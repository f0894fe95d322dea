import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { createHands } from "../../../src/daemon/hands.ts";
import { stopSurely } from "../../../src/daemon/workers/stop-surely.ts";
import type { World } from "../../../src/daemon/world.ts";
import { createProcessEngine } from "../../../src/engine/process.ts";
import type { Report } from "../../../src/scheduler/events.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { freezer, whyNoFreezer } from "../../kit/freezer.ts";
import { until } from "../../kit/until.ts";

const why = whyNoFreezer();

it.skipIf(why !== null)(
  `[fault 26] a program that hangs in the kernel is told as stuck, and its stop returns once it moves again${why === null ? "" : ` (${why})`}`,
  async () => {
    const dir = fs.mkdtempSync(path.join(tmpdir(), "orch-stuck-"));
    const engine = createProcessEngine({ instanceId: `stuck-${process.pid}`, clock: systemClock });
    const reports: Report[] = [];
    const world = {
      engine,
      report: (report: Report) => void reports.push(report),
      places: { workerDir: () => path.join(dir, "control") },
      log: { error: () => undefined },
    } as unknown as World;
    const { hand } = createHands().take(7, false);
    hand.identity = await engine.start({
      workerId: 7,
      argv: ["sleep", "300"],
      env: {},
      cwd: "/",
      dir: path.join(dir, "control"),
      logPath: path.join(dir, "log"),
    });
    hand.settle();
    const { pid } = hand.identity;
    const children = await until("its program runs", () => {
      const pids = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
      return pids === "" ? null : pids.split(" ").map(Number);
    });
    using frozen = freezer(children);
    let isGone = false;
    const stopped = stopSurely(world, hand, 100, 300).then(() => {
      isGone = true;
    });
    await until("it is told", () => reports.length > 0);
    expect(fs.readFileSync(`/proc/${children[0]}/status`, "utf8")).toMatch(/^State:\tD/m);
    expect(reports).toMatchObject([{ type: "worker-stuck", workerId: 7 }]);
    expect(isGone).toBe(false);
    frozen.thaw();
    await stopped;
    expect(reports).toHaveLength(1);
    fs.rmSync(dir, { recursive: true });
  },
  15_000,
);
