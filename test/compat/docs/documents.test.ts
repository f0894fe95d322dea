import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram } from "../../../src/engine/find-program.ts";
import { planDocument } from "../../../src/tasks/task-document.ts";
import { blocksIn } from "../../kit/document-blocks.ts";
import { need } from "../../kit/need.ts";
import { type MlocHome, startMloc } from "../mloc/mloc-home.ts";

const root = join(import.meta.dirname, "../../..");
const tasks = "tasks: { runtimes: { lora_sft: trainer } }\n";

let home: MlocHome;
beforeAll(async () => {
  home = await startMloc("open: true", `    router: { listen: "127.0.0.1:0", open: true }\n${tasks}`);
  // What the documents type as `orch`.
  mkdirSync(join(home.host.home, "bin"));
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(root, "bin", "orch")}" "$@"\n`;
  writeFileSync(join(home.host.home, "bin", "orch"), script, { mode: 0o755 });
}, 30_000);
afterAll(() => home[Symbol.asyncDispose]());

/** Runs a block of a document line by line, at the port where these systems listen here. */
async function run(document: string): Promise<string> {
  const [block = ""] = blocksIn(document, "sh");
  const script = block.replaceAll("http://localhost:8000", await home.url());
  const env = {
    ...process.env,
    ORCH_HOME: home.host.home,
    PATH: [join(home.host.home, "bin"), dirname(process.execPath), process.env["PATH"]].join(delimiter),
  };
  const file = join(home.host.home, "block.sh");
  writeFileSync(file, `set -euo pipefail\n${script}`);
  const { stdout } = await promisify(execFile)("bash", [file], { cwd: root, env, timeout: 60_000 });
  return stdout;
}

const hasCurl = need("curl", findProgram("curl", process.env["PATH"], root) !== null);

describe("the documents of tasks and of older systems", () => {
  it.skipIf(!hasCurl)("compat-router.md: every line does what it says", async () => {
    expect(await run("docs/compat-router.md")).toContain('{"status":"healthy"}');
  });

  it.skipIf(!hasCurl)("compat-mloc.md: every line does what it says", async () => {
    const said = await run("docs/compat-mloc.md");
    expect(said).toContain('{"ok":true}');
    expect(said).toContain("# orch");
  });

  it("tasks.md: every line does what it says", async () => {
    const said = await run("docs/tasks.md");
    expect(said).toContain("hello");
    expect(said).toContain('"output": "Be brief. HOW DOES A LIGHTHOUSE WORK?"');
  }, 60_000);

  it.each(readdirSync(join(root, "examples", "tasks")))(
    "examples/tasks/%s is done",
    async (name) => {
      const text = readFileSync(join(root, "examples", "tasks", name), "utf8");
      expect(planDocument(text).length).toBeGreaterThan(0);
      const { code, stdout, stderr } = await home.host.cli(
        "apply",
        "-f",
        join(root, "examples", "tasks", name),
        "--wait",
      );
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).not.toContain("failed");
    },
    60_000,
  );
});
