import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { installPython } from "../kit/python-tools.ts";
import { makeKey, urlOf, writeConfig } from "./door.ts";

const run = promisify(execFile);
const installed = await installPython("schemathesis", ["schemathesis==4.32.5"]);
const why = typeof installed === "string" ? installed : null;
const bin = typeof installed === "string" ? "" : installed.bin;

/** Of each operation so many requests are made from the document, good ones and spoilt ones. */
const EXAMPLES = 12;

describe.skipIf(why !== null)(`a fuzzer that reads the document${why === null ? "" : ` (${why})`}`, () => {
  const newHome = useOrch();

  it("[fault 48] gets no 5xx out of any operation, and answers as the document says", {
    timeout: 240_000,
  }, async () => {
    await using home = newHome();
    writeConfig(home);
    home.write(
      "runtimes/note/runtime.yaml",
      "name: note\nprotocol: exec\ncommand: [echo, '{text}']\nparams: { text: { type: string } }\n",
    );
    await home.daemon();
    const key = await makeKey(home, "fuzz", "--scope", "read,submit,run,admin");
    const url = await urlOf(home);
    const words = [
      "run",
      `${url}/api/v1/openapi.json`,
      ...["--header", `Authorization: Bearer ${key}`],
      ...[
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
      ],
      ...["--phases", "examples,coverage,fuzzing", "--max-examples", String(EXAMPLES), "--seed", "1"],
      ...["--exclude-path-regex", "shutdown|follow|/events|/build|/terminal|/exec"],
      ...[
        "--request-timeout",
        "20",
        "--workers",
        "2",
        "--no-color",
        "--generation-database",
        "none",
        "--continue-on-failure",
      ],
    ];
    const { stdout } = await run(join(bin, "st"), words, {
      cwd: home.dir,
      maxBuffer: 2 ** 26,
      timeout: 220_000,
    }).catch((error: { stdout?: string; stderr?: string; message: string }) => ({
      stdout: `${error.stdout ?? ""}${error.stderr ?? error.message}`,
    }));
    console.log(stdout.split("\n").slice(-30).join("\n"));
    expect(stdout).toMatch(/Tested|API Operations|operations/i);
    expect(stdout).not.toMatch(/Failed to load|Server error|Undocumented|violates schema|FAILED/);
    expect((await home.client.call("GET /status", {})).pid).toBeGreaterThan(0);
  });
});
