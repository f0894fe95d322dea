// `node scripts/json-schemas.mjs`: writes docs/json, the JSON Schemas of what each command prints with --json, from the
// schemas of the operations. A test compares them.
import { spawnSync } from "node:child_process";

const { status } = spawnSync("npx", ["vitest", "run", "test/cli/json/json-schemas.test.ts"], {
  cwd: new URL("..", import.meta.url),
  env: { ...process.env, WRITE_SCHEMAS: "1" },
  stdio: "inherit",
});
process.exitCode = status ?? 1;
