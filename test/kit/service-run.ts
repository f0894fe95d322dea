import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Json } from "../../src/std/json.ts";
import type { JobEvent, JobOutcome, WorkerProtocol } from "../../src/worker/protocol.ts";
import type { ServiceSpec } from "../../src/worker/service.ts";

/** A spec in which nothing is set. */
export const plainSpec: ServiceSpec = {
  readyPath: null,
  model: null,
  api: "chat",
  warmUp: null,
  template: null,
  fileParams: [],
  loadParams: [],
};

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A job handed to a server in a test. */
export interface TestRun {
  readonly events: JobEvent[];
  readonly outcome: Promise<JobOutcome>;
  /** The content of one of its files. */
  file(name: string): Buffer;
  /** All log lines. */
  log(): string[];
}

/** Hands over a job with an output folder of its own. */
export function runAt(protocol: WorkerProtocol, params: Record<string, Json>, jobId = 7): TestRun {
  const outputDir = join(newFolder(), "output");
  const events: JobEvent[] = [];
  const job = { jobId, attempt: 1, fence: 1, params, outputDir, correlation: "test" };
  return {
    events,
    outcome: protocol.run("", job, (event) => events.push(event)),
    file: (name) => readFileSync(join(outputDir, name)),
    log: () => events.flatMap((event) => (event.type === "log" ? [event.text] : [])),
  };
}

/** A folder that is gone after the file's tests. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "orch-service-"));
  folders.push(folder);
  return folder;
}
