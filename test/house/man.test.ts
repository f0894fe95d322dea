import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { manPages } from "../../src/cli/help/man-pages.ts";
import { need } from "../kit/need.ts";

const dir = join(import.meta.dirname, "../../man");
const has = (program: string): boolean =>
  need(program, spawnSync("sh", ["-c", `command -v ${program}`]).status === 0);

describe("the manual", () => {
  it("has a page for each command, and they are what the commands say of themselves (npm run generate)", async () => {
    const pages = await manPages();
    expect(Object.keys(pages).sort()).toEqual(
      ["orch.1", ...Object.keys(commands).map((name) => `orch-${name}.1`)].sort(),
    );
    const onDisk = Object.fromEntries(
      readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), "utf8")]),
    );
    expect(onDisk).toEqual(pages);
    const { man } = JSON.parse(readFileSync(join(dir, "../package.json"), "utf8")) as { man: string[] };
    expect(man).toEqual(
      Object.keys(pages)
        .sort()
        .map((name) => `./man/${name}`),
    );
  });

  it.skipIf(!has("man"))("is read by man without a warning, and shows what was written", () => {
    const pages = readdirSync(dir).map((name) => join(dir, name));
    const options = { encoding: "utf8", env: { ...process.env, MANWIDTH: "80", LANG: "C.UTF-8" } } as const;
    const read = spawnSync("man", ["--warnings=w", "-l", ...pages], options);
    expect([read.stderr, read.status]).toEqual(["", 0]);
    const service = execFileSync("man", ["-l", join(dir, "orch-service.1")], options);
    expect(service).toMatch(/--group <name>\s+of the machine: the Unix group/);
    expect(service).toMatch(/SYNOPSIS\s+orch service install \[flags\]/);
    const broken = spawnSync("man", ["--warnings=w", "-l", "-"], {
      ...options,
      input: ".TH X 1\n.SH\n.foo bar\n",
    });
    expect(broken.stderr).toContain("foo");
  });

  it.skipIf(!has("mandoc"))(
    "has nothing that mandoc finds wrong, but for its date, which would never be right",
    () => {
      const pages = readdirSync(dir).map((name) => join(dir, name));
      const { stdout } = spawnSync("mandoc", ["-Tlint", "-W", "warning", ...pages], { encoding: "utf8" });
      expect(stdout.split("\n").filter((line) => line !== "" && !line.includes("missing date"))).toEqual([]);
    },
  );
});
