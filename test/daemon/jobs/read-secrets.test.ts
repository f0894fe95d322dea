import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readSecrets } from "../../../src/daemon/jobs/read-secrets.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "orch-secrets-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const put = (name: string, mode: number): void => {
  fs.writeFileSync(path.join(dir, name), "canary-value\n", { mode: 0o600 });
  fs.chmodSync(path.join(dir, name), mode);
};

/** The failure as anybody could see it: it may not hold the value. */
function refusal(names: string[]): string {
  try {
    readSecrets(dir, names);
  } catch (error) {
    return JSON.stringify([error, String(error), (error as { why?: string }).why]);
  }
  return "not refused";
}

it("reads a secret that only its owner can", () => {
  put("HF_TOKEN", 0o400);
  expect(readSecrets(dir, ["HF_TOKEN"])).toEqual({ HF_TOKEN: "canary-value" });
});

it.each([0o440, 0o404, 0o644, 0o420])("refuses one with mode %o", (mode) => {
  put("HF_TOKEN", mode);
  expect(refusal(["HF_TOKEN"])).toContain("permission/denied");
  expect(refusal(["HF_TOKEN"])).not.toContain("canary");
});

it("refuses one that is missing, a link or a folder", () => {
  put("REAL", 0o400);
  fs.symlinkSync(path.join(dir, "REAL"), path.join(dir, "LINK"));
  fs.mkdirSync(path.join(dir, "FOLDER"));
  for (const name of ["MISSING", "LINK", "FOLDER"]) expect(refusal([name])).toContain("file/missing");
});
