import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tempDir } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";

// How a daemon that cannot start tells the one who started it. That it does start is shown by the tests of the daemon.
let temp: ReturnType<typeof tempDir>;
let report: string;
beforeEach(() => {
  temp = tempDir();
  report = join(temp.path, "report.json");
  writeFileSync(join(temp.path, "config.yaml"), "gpu: auto\n");
});
afterEach(() => temp[Symbol.dispose]());

const daemon = (...argv: string[]) =>
  orch(["daemon", ...argv], { env: { ORCH_HOME: temp.path, ORCH_START_REPORT: report } });

describe("orch daemon", () => {
  it("leaves its failure to its starter, and prints it", async () => {
    writeFileSync(report, "");
    const run = await daemon();
    expect(run).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/config\.yaml:1:1: unknown key "gpu"/),
    });
    expect(JSON.parse(readFileSync(report, "utf8"))).toMatchObject({
      error: { code: "config/invalid", hint: "did you mean gpus?" },
    });
  });

  it("leaves nothing to a starter that has gone", async () => {
    await daemon();
    expect(existsSync(report)).toBe(false);
  });

  it("takes its flags over the config file, and checks them", async () => {
    writeFileSync(join(temp.path, "config.yaml"), "gpus: none\n");
    expect((await daemon("--gpus", "cuda")).stderr).toContain('error: --gpus: gpus cannot be "cuda"');
    expect((await daemon("--log-level", "loud")).stderr).toContain(
      'error: --log-level: logLevel cannot be "loud"',
    );
  });
});
