import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { parseRuntime } from "../../src/runtime/parse.ts";

// What the documents show has to be so.

const root = path.resolve(import.meta.dirname, "../..");
const read = (name: string): string => fs.readFileSync(path.join(root, name), "utf8");

/** The fenced blocks of one language. */
function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    (match) => match[1] ?? "",
  );
}

describe("the README", () => {
  const readme = read("README.md");

  it("shows a runtime that is valid", () => {
    const [yaml = ""] = blocksOf(readme, "yaml");
    const runtime = parseRuntime(yaml, { dir: "/runtimes/embed", origin: "user" });
    expect(runtime).toMatchObject({ name: "embed", protocol: "orch", gpu: { count: 1, mode: "shared" } });
    expect(yaml.trim().split("\n").length).toBeLessThanOrEqual(10);
  });

  it("shows a handler that Python understands", () => {
    const [python = ""] = blocksOf(readme, "python");
    const script = "import sys; compile(sys.stdin.read(), 'README.md', 'exec')";
    execFileSync("python3", ["-c", script], { input: python });
    expect(python).toContain("serve(");
  });

  it("names every command, and none that is not there", () => {
    const table = readme.slice(readme.indexOf("## Commands"), readme.indexOf("`orch COMMAND --help`"));
    const named = [...table.matchAll(/`([a-z]+(?:-[a-z]+)*)(?: [a-z\\|]+)?`/g)].map(
      (match) => match[1] ?? "",
    );
    expect(named.toSorted()).toEqual(Object.keys(commands).toSorted());
  });

  it("begins with the two commands of a fresh clone", () => {
    const firstScreen = readme.split("\n").slice(0, 24).join("\n");
    for (const command of ["npm run demo", "npm test"]) expect(firstScreen).toContain(command);
  });
});

describe("the documents", () => {
  const names = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "STYLE.md",
    "src/scheduler/README.md",
    "docs/logs.md",
    "docs/service.md",
    "docs/gpus.md",
    "docs/json.md",
    "docs/lists.md",
    "docs/coming-from.md",
    "docs/errors.md",
  ];

  it.each(names)("%s names only files that are there", (name) => {
    const text = read(name);
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map((match) =>
      path.join(path.dirname(name), match[1] ?? ""),
    );
    const paths = [...text.matchAll(/`((?:src|test|scripts|runtimes)\/[\w./-]+)`/g)].map(
      (match) => match[1] ?? "",
    );
    const missing = [...links, ...paths].filter((file) => !fs.existsSync(path.join(root, file)));
    expect(missing).toEqual([]);
  });

  it("name only scripts that package.json has", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = names.flatMap((name) =>
      [...read(name).matchAll(/npm run (?:-s )?(\w+)/g)].map((match) => match[1] ?? ""),
    );
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
  });
});
