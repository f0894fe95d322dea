import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { ensurePythonEnvironment } from "../../src/engine/python-environment.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";

const { worker } = users;
const why = whyNoUsers();

it.skipIf(why !== null)(`a Python environment is built by the user who will run it${why ?? ""}`, async () => {
  const root = mkdtempSync(join(tmpdir(), "orch-python-user-"));
  try {
    chmodSync(root, 0o755);
    const venvs = join(root, "venvs");
    mkdirSync(venvs);
    chownSync(venvs, worker.uid, worker.gid);
    writeFileSync(join(root, "requirements.txt"), "");
    const { pythonPath } = await ensurePythonEnvironment({
      runtimeName: "model",
      requirementsPath: join(root, "requirements.txt"),
      cacheDir: root,
      instanceId: "test",
      runAs: { ...worker, user: worker.name, home: "/" },
      onLog: () => undefined,
    });
    expect(statSync(dirname(pythonPath)).uid).toBe(worker.uid);
    expect(statSync(join(dirname(pythonPath), "..", "pyvenv.cfg")).uid).toBe(worker.uid);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
