import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

let dir = "";

/** Before the first test file of a run: an empty folder for `sharedOrch`, since not every run needs a build. */
export function setup(project: TestProject): void {
  dir = mkdtempSync(join(tmpdir(), "orch-build-"));
  // Tests run it as other users, too.
  chmodSync(dir, 0o755);
  project.provide("buildDir", dir);
  // Who watches has changed the sources.
  project.onTestsRerun(() => rmSync(join(dir, "orch"), { recursive: true, force: true }));
}

/** After the last one. */
export function teardown(): void {
  rmSync(dir, { recursive: true, force: true });
}
