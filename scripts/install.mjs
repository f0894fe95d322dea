// Installs what is missing, so that a fresh clone needs no step before `npm test`, `npm run demo` or `npm run bench`.
import { execFileSync } from "node:child_process";
import fs from "node:fs";

const root = new URL("..", import.meta.url);
const at = (path) => new URL(path, root);

/** Runs a program of this project with its output on ours. */
export function run(program, args, options = {}) {
  execFileSync(program, args, { cwd: root, stdio: "inherit", ...options });
}

/**
 * Installs what the lock file says, unless it is there. Not `npm ci`: that refuses a lock file written where the registry
 * lacks the builds of some packages for other platforms, though nobody here needs them.
 */
export function installMissing() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(
      `error: Node ${process.versions.node} is too old\n  try: install Node 20.19 or newer\n`,
    );
    process.exit(1);
  }
  if (isInstalled()) return;
  process.stderr.write("installing what is missing (npm install) …\n");
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund"], { stdio: ["ignore", 2, 2] });
}

function isInstalled() {
  const stamp = fs.statSync(at("node_modules/.package-lock.json"), { throwIfNoEntry: false });
  return stamp !== undefined && stamp.mtimeMs >= fs.statSync(at("package-lock.json")).mtimeMs;
}

/** Bundles src into dist, unless it is newer than every source. */
export function buildMissing() {
  const built = fs.statSync(at("dist/cli.cjs"), { throwIfNoEntry: false });
  if (
    built !== undefined &&
    built.mtimeMs > newest("src") &&
    built.mtimeMs > fs.statSync(at("tsup.config.ts")).mtimeMs
  )
    return;
  process.stderr.write("building …\n");
  run("npx", ["tsup", "--silent"]);
}

function newest(dir) {
  const entries = fs.readdirSync(at(dir), { withFileTypes: true });
  return Math.max(
    ...entries.map((entry) => {
      const path = `${dir}/${entry.name}`;
      return entry.isDirectory() ? newest(path) : fs.statSync(at(path)).mtimeMs;
    }),
  );
}
