import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";

// The rules themselves run in `npm run check`; here each is shown to catch a planted offence.

const root = path.resolve(import.meta.dirname, "../..");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "orch-imports-"));
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

function offencesOf(files: Record<string, string>): string {
  fs.rmSync(path.join(dir, "src"), { recursive: true, force: true });
  fs.copyFileSync(path.join(root, "tsconfig.json"), path.join(dir, "tsconfig.json"));
  if (!fs.existsSync(path.join(dir, "node_modules"))) {
    fs.symlinkSync(path.join(root, "node_modules"), path.join(dir, "node_modules"));
  }
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  const { stdout, stderr } = spawnSync(
    path.join(root, "node_modules/.bin/depcruise"),
    ["--config", path.join(root, ".dependency-cruiser.cjs"), "src"],
    { cwd: dir, encoding: "utf8" },
  );
  return `${stdout}${stderr}`;
}

describe("import rules", () => {
  it.each([
    ["scheduler-is-pure", "src/scheduler/a.ts", 'import fs from "node:fs";\nexport const a = fs;'],
    ["store-stands-alone", "src/store/a.ts", 'import { b } from "../gpu/b.ts";\nexport const a = b;'],
    [
      "client-sees-operations-as-types",
      "src/client/a.ts",
      'import { b } from "../operations/b.ts";\nexport const a = b;',
    ],
    [
      "only-daemon-command-starts-the-daemon",
      "src/operations/a.ts",
      'import { b } from "../daemon/b.ts";\nexport const a = b;',
    ],
    [
      "one-importer-of-better-sqlite3",
      "src/store/a.ts",
      'import Sqlite from "better-sqlite3";\nexport const a = Sqlite;',
    ],
    ["no-circular", "src/std/a.ts", 'import { b } from "./b.ts";\nexport const a = b;'],
  ])("%s", (rule, file, text) => {
    const others = Object.fromEntries(
      ["gpu", "operations", "daemon"].map((folder) => [`src/${folder}/b.ts`, "export const b = 1;\n"]),
    );
    const back = 'import { a } from "./a.ts";\nexport const b: number = a;\n';
    expect(offencesOf({ ...others, "src/std/b.ts": back, [file]: text })).toContain(rule);
  });
});
