import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensurePythonEnvironment } from "../../src/engine/python-environment.ts";

/** Writes a wheel by hand, so that pip installs without a network. */
const WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("orch_tiny.py", "answer = 42\\n")
    info = "orch_tiny-1.0.dist-info"
    wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: orch-tiny\\nVersion: 1.0\\n")
    wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "/RECORD", "orch_tiny.py,,\\n" + "".join(f"{info}/{n},,\\n" for n in ("METADATA", "WHEEL", "RECORD")))
`;

let dir: string;
let lines: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-venv-"));
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

function ensure(requirements: string | null) {
  const requirementsPath = requirements === null ? null : join(dir, "requirements.txt");
  if (requirementsPath !== null) writeFileSync(requirementsPath, requirements ?? "");
  const onLog = (line: string): void => void lines.push(line);
  return ensurePythonEnvironment({
    runtimeName: "tiny",
    requirementsPath,
    cacheDir: join(dir, "cache"),
    instanceId: "test-instance",
    onLog,
  });
}

test("without requirements it is the system's python3", async () => {
  const { pythonPath } = await ensure(null);
  expect(execFileSync(pythonPath, ["-c", "print(1)"], { encoding: "utf8" })).toBe("1\n");
  expect(existsSync(join(dir, "cache"))).toBe(false);
});

test("an environment is built once for all who ask, kept, and built anew when it was cut short", async () => {
  const wheel = join(dir, "orch_tiny-1.0-py3-none-any.whl");
  execFileSync("python3", ["-c", WHEEL, wheel]);
  const [first, second] = await Promise.all([ensure(wheel), ensure(wheel)]);
  expect(second).toEqual(first);
  expect(lines.filter((line) => line.startsWith("Successfully installed"))).toHaveLength(1);
  const print = ["-c", "import orch_tiny; print(orch_tiny.answer)"];
  expect(execFileSync(first.pythonPath, print, { encoding: "utf8" })).toBe("42\n");

  lines = [];
  expect(await ensure(wheel)).toEqual(first);
  expect(lines).toEqual([]);

  const venv = join(dir, "cache/venvs", readdirSync(join(dir, "cache/venvs"))[0] ?? "");
  rmSync(join(venv, ".complete"));
  writeFileSync(join(venv, "leftover"), "");
  expect(await ensure(wheel)).toEqual(first);
  expect(existsSync(join(venv, "leftover"))).toBe(false);
}, 60_000);

test("what pip said last is the reason of a failure", async () => {
  await expect(ensure("./no-such-package.whl")).rejects.toMatchObject({
    code: "engine/failed",
    message: expect.stringContaining("tiny"),
    why: expect.stringContaining("no-such-package.whl"),
  });
}, 60_000);

test("requirements that are not there are named", async () => {
  const options = {
    runtimeName: "tiny",
    requirementsPath: join(dir, "nowhere.txt"),
    cacheDir: dir,
    instanceId: "test-instance",
    onLog: () => undefined,
  };
  await expect(ensurePythonEnvironment(options)).rejects.toMatchObject({ code: "file/missing" });
});
