import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "../../src/std/json.ts";
import type { JobEvent, JobHandover, JobOutcome, WorkerProtocol } from "../../src/worker/protocol.ts";
import { createOrchProtocol } from "../../src/worker/protocols/orch.ts";
import { until } from "./until.ts";

const repository = join(import.meta.dirname, "../..");

/** The folder that makes `import orch_sdk` work. */
export const sdkPath = join(repository, "runtimes/sdk");

/** The path of a Python program in test/fixtures/workers. */
export function fixtureWorker(name: string): string {
  return join(repository, "test/fixtures/workers", name);
}

/** A worker of protocol orch that runs as a child of the test. */
export interface PythonWorker {
  readonly endpoint: string;
  readonly outputDir: string;
  readonly child: ChildProcess;
  readonly protocol: WorkerProtocol;
  /** What it has printed so far, stdout and stderr together. */
  printed(): string;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  /** Hands over a job. */
  run(jobId: number, params: Record<string, Json>, more?: Partial<JobHandover>): RunningJob;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RunningJob {
  readonly events: JobEvent[];
  readonly outcome: Promise<JobOutcome>;
}

/** Starts test/fixtures/workers/NAME with `env`; it is killed when the worker is disposed of. */
export function startPythonWorker(name: string, env: Record<string, string> = {}): PythonWorker {
  const root = mkdtempSync(join(tmpdir(), "orch-worker-"));
  const endpoint = join(root, "s");
  const outputDir = join(root, "output");
  mkdirSync(outputDir);
  const child = spawn("python3", [fixtureWorker(name)], {
    env: { PATH: process.env["PATH"] ?? "", PYTHONPATH: sdkPath, ORCH_SOCKET: endpoint, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Buffer) => {
      printed += data.toString();
    });
  }
  const protocol = createOrchProtocol();
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    endpoint,
    outputDir,
    child,
    protocol,
    ended,
    printed: () => printed,
    run(jobId, params, more = {}) {
      const events: JobEvent[] = [];
      const job = { jobId, attempt: 1, fence: 1, params, outputDir, correlation: `c-${jobId}`, ...more };
      return { events, outcome: protocol.run(endpoint, job, (event) => events.push(event)) };
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      protocol.forget(endpoint);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Starts the handler of steps.py and waits until it is ready. */
export async function startReadyWorker(env: Record<string, string> = {}): Promise<PythonWorker> {
  const worker = startPythonWorker("steps.py", env);
  await until("the worker is ready", async () => (await healthOf(worker))?.status === "ready");
  return worker;
}

/** One health probe. */
export function healthOf(worker: PythonWorker): ReturnType<WorkerProtocol["health"]> {
  return worker.protocol.health(worker.endpoint, 1_000);
}
