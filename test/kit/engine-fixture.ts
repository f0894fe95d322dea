import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine, Launch } from "../../src/engine/engine.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";

/** A process engine with a folder and an instance id of its own. */
export interface EngineFixture {
  readonly engine: Engine;
  readonly instanceId: string;
  readonly root: string;
  /** What starts `argv` as worker `workerId`. */
  launch(workerId: number, argv: readonly string[], env?: Record<string, string>): Launch;
  dirOf(workerId: number): string;
  /** What worker `workerId` has printed so far. */
  logOf(workerId: number): string;
  /** Another engine of the same instance, as a restarted daemon has it. */
  restart(): Engine;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a fixture; its disposal kills whatever it started. */
export function createEngineFixture(): EngineFixture {
  const root = mkdtempSync(join(tmpdir(), "orch-engine-"));
  const instanceId = `test-${randomUUID()}`;
  const restart = (): Engine => createProcessEngine({ instanceId, clock: systemClock });
  const engine = restart();
  const dirOf = (workerId: number): string => join(root, `worker-${workerId}`);
  return {
    engine,
    instanceId,
    root,
    restart,
    dirOf,
    launch: (workerId, argv, env = {}) => ({
      workerId,
      argv,
      env: { PATH: process.env["PATH"] ?? "", ...env },
      cwd: root,
      dir: dirOf(workerId),
      logPath: join(root, "logs", `${workerId}.log`),
    }),
    logOf: (workerId) => readFileSync(join(root, "logs", `${workerId}.log`), "utf8"),
    async [Symbol.asyncDispose]() {
      for (const left of await engine.labelled(instanceId)) await engine.kill(left.identity);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
