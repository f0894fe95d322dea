import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { orch } from "./captured-io.ts";

const home = mkdtempSync(join(tmpdir(), "orch-config-"));
writeFileSync(join(home, "config.yaml"), "# mine\nquantumFactor: 4\nlogMaxAge: 7d\n");
afterAll(() => rmSync(home, { recursive: true, force: true }));
// The test kit sets ORCH_AUTOSTART.
const env = { ORCH_HOME: home, ORCH_GPUS: "none", ORCH_AUTOSTART: "" };

describe("orch config", () => {
  it("lists every setting with where it came from: file with line and column, variable, default", async () => {
    const { code, stdout } = await orch(["config"], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^quantumFactor +4 +${home}/config.yaml:2:16$`, "m"));
    expect(stdout).toMatch(/^gpus +"none" +ORCH_GPUS$/m);
    expect(stdout).toMatch(/^urgency +1\.41\d* +default$/m);
    expect((await orch(["config", "ls", "--set", "-q"], { env })).stdout).toBe(
      "gpus\nquantumFactor\nlogMaxAge\n",
    );
  });

  it("explains one: what it does, its value, and where it can be set", async () => {
    const { stdout } = await orch(["config", "explain", "quantumFactor"], { env });
    expect(stdout).toMatch(/does +a lane keeps its GPU/);
    expect(stdout).toMatch(/from +.*config.yaml:2:16/);
    expect(stdout).toMatch(/or by +ORCH_QUANTUM_FACTOR in the environment/);
    const json = await orch(["config", "explain", "logMaxAge", "--json"], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({
      key: "logMaxAge",
      value: 7 * 86_400_000,
      origin: { kind: "user" },
    });
  });

  it("knows what was meant, and says where a file is wrong", async () => {
    const typo = await orch(["config", "explain", "quantumfactor"], { env });
    expect([typo.code, typo.stderr]).toEqual([
      2,
      expect.stringContaining("try: orch config explain quantumFactor"),
    ]);
    writeFileSync(join(home, "config.yaml"), "gpu: auto\n");
    const wrong = await orch(["config"], { env });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("config.yaml:1:1: unknown key")]);
  });
});
