import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type BuiltOrch, buildOrch } from "../kit/built-orch.ts";
import { need } from "../kit/need.ts";
import { createOrchHome } from "../kit/orch-home.ts";

const repository = join(import.meta.dirname, "../..");
const hasNpm = need("npm", spawnSync("npm", ["--version"]).status === 0);
const dir = mkdtempSync(join(tmpdir(), "orch-pack-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

test.skipIf(!hasNpm)(
  "what npm packs is installed into an empty prefix and works there: version, manual, doctor, a first job, top",
  { timeout: 60_000 },
  async () => {
    using built = await buildOrch();
    const tarball = pack(layOut(built));
    const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).split("\n");
    for (const file of [
      "bin/orch",
      "dist/cli.cjs",
      "dist/daemon.cjs",
      "dist/host.cjs",
      "dist/nvml-helper.js",
      "man/orch.1",
      "completions/_orch",
      "runtimes/sdk/orch_sdk/__init__.py",
      "LICENSE",
      "README.md",
    ])
      expect(files).toContain(`package/${file}`);
    expect(
      files.filter((file) => /^package\/(src|test|bench|node_modules)\/|\.map$|__pycache__/.test(file)),
    ).toEqual([]);

    const { prefix, manifest } = install(tarball);
    expect(existsSync(join(prefix, "share/man/man1/orch-service.1"))).toBe(true);
    await using home = createOrchHome(join(prefix, "bin/orch"), { ORCH_GPUS: "virtual:1x1GiB" });
    expect((await home.orch(["--version"])).stdout).toBe(`${manifest.version}\n`);
    const doctor = await home.orch(["doctor", "--json"]);
    expect(doctor.code).toBe(0);
    for (const check of ["better-sqlite3", "koffi", "node-pty", "gpus"])
      expect(doctor.stdout).toMatch(new RegExp(`"check": "${check}",\\s+"level": "ok"`));
    const job = await home.orch(["run", "--gpus", "1", "--", "sh", "-c", "echo gpu=$CUDA_VISIBLE_DEVICES"]);
    expect([job.code, job.stdout]).toEqual([0, expect.stringMatching(/^gpu=.+\n$/)]);
    const top = await home.orch(["top", "--once"]);
    expect([top.code, top.stdout]).toEqual([0, expect.stringContaining("virtual")]);
    expect((await home.orch(["service", "install", "--print", "--system"])).stdout).toContain(
      `ExecStart=${process.execPath} ${join(prefix, "lib/node_modules/orch/bin/orch")} daemon`,
    );
  },
);

/** The package as it would be published, built from the sources as they are now. */
function layOut({ bin }: BuiltOrch): string {
  const built = dirname(dirname(bin));
  for (const name of ["man", "completions", "README.md", "CHANGELOG.md", "LICENSE"])
    cpSync(join(repository, name), join(built, name), { recursive: true });
  return built;
}

function pack(root: string): string {
  const options = ["pack", "--ignore-scripts", "--silent", "--pack-destination", dir];
  return join(dir, execFileSync("npm", options, { cwd: root, encoding: "utf8" }).trim());
}

/**
 * Installs the tarball as npm does, without a network: npm gets it without its dependencies, which are then put beside it
 * from those of the repository. Those for development are not: what needs one of them fails.
 */
function install(tarball: string): { prefix: string; manifest: Manifest } {
  const bare = join(dir, "bare");
  mkdirSync(bare);
  execFileSync("tar", ["-xzf", tarball, "-C", bare]);
  const file = join(bare, "package/package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  const { dependencies, optionalDependencies, ...rest } = manifest;
  writeFileSync(file, JSON.stringify({ ...rest, devDependencies: {} }));
  const prefix = join(dir, "prefix");
  const flags = ["--global", "--prefix", prefix, "--offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", ["install", ...flags, pack(join(bare, "package"))], { stdio: "ignore" });
  const modules = join(prefix, "lib/node_modules/orch/node_modules");
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(repository, "node_modules", name), join(modules, name));
  }
  return { prefix, manifest };
}
