import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRegistry, type Registry } from "../../src/runtime/discover.ts";
import { expectFailure } from "./expect-failure.ts";

let root = "";
let nowMs = 0;
let registry: Registry;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orch-registry-"));
  nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const origins = ["project", "user", "system", "shipped"] as const;
  registry = createRegistry(
    origins.map((origin) => ({ origin, dir: join(root, origin) })),
    clock,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a runtime file; its time of change is set so that a rewrite of equal length is seen too. */
function write(place: string, name: string, text = `name: ${name}\nsummary: ${place}\n`): void {
  mkdirSync(join(root, place, name), { recursive: true });
  writeFileSync(join(root, place, name, "runtime.yaml"), text);
}

function remove(place: string, name: string): void {
  rmSync(join(root, place, name), { recursive: true });
}

/** Past the time for which a good runtime is trusted. */
function later(): void {
  nowMs += 501;
}

describe("search order", () => {
  test("no search folder at all is no runtime", () => {
    expect(registry.list()).toEqual([]);
    expectFailure(() => registry.get("a"), "runtime/unknown", /"a"/, /no runtime is installed/);
  });

  test("the earlier folder wins, also when it comes later in time", () => {
    for (const place of ["shipped", "system", "user", "project"]) {
      write(place, "a");
      later();
      expect(registry.get("a")).toMatchObject({ origin: place, summary: place, dir: join(root, place, "a") });
      expect(registry.list().map((found) => [found.name, found.origin])).toEqual([["a", place]]);
    }
    remove("project", "a");
    remove("user", "a");
    later();
    expect(registry.get("a").origin).toBe("system");
  });

  test("lists all by name; folders without a runtime.yaml and files are none", () => {
    write("user", "b");
    write("shipped", "a");
    write("shipped", "c");
    mkdirSync(join(root, "shipped", "sdk"));
    writeFileSync(join(root, "shipped", "README.md"), "");
    expect(registry.list().map((found) => found.name)).toEqual(["a", "b", "c"]);
  });

  test("a linked folder is a runtime", () => {
    write("elsewhere", "a");
    mkdirSync(join(root, "user"));
    symlinkSync(join(root, "elsewhere", "a"), join(root, "user", "a"));
    expect(registry.get("a").origin).toBe("user");
    expect(registry.list()).toHaveLength(1);
  });
});

describe("broken runtimes", () => {
  test("are listed with their problem and hide the good one below", () => {
    write("shipped", "a");
    write("project", "a", "name: a\nslots: x\n");
    const [found] = registry.list();
    expect(found).toMatchObject({ name: "a", origin: "project" });
    expect(found && "problem" in found ? found.problem.message : "").toMatch(/project\/a\/runtime\.yaml:2:8/);
    expectFailure(() => registry.get("a"), "runtime/invalid", /project\/a\/runtime\.yaml:2:8/);
  });

  test("work as soon as they are mended", () => {
    write("user", "a", "name: b\n");
    expectFailure(() => registry.get("a"), "runtime/invalid", /1:7/);
    write("user", "a", "name: a\n");
    expect(registry.get("a").name).toBe("a");
  });

  test("work as soon as a file they name is there", () => {
    write("user", "a", "name: a\npython: { requirements: r.txt }\n");
    expectFailure(() => registry.get("a"), "runtime/invalid", /a\/runtime\.yaml/, /r\.txt/);
    writeFileSync(join(root, "user", "a", "r.txt"), "");
    expect(registry.get("a").name).toBe("a");
  });
});

describe("names that are not there", () => {
  test("get a suggestion and the command to try", () => {
    write("shipped", "charlm");
    const failure = expectFailure(
      () => registry.get("chralm"),
      "runtime/unknown",
      /"chralm"/,
      /did you mean "charlm"\?/,
    );
    expect(failure.hint).toBe("orch runtimes ls");
    expect(failure.exitCode).toBe(5);
  });

  test("cannot leave the search folders", () => {
    write("elsewhere", "a");
    mkdirSync(join(root, "user"), { recursive: true });
    for (const name of ["../elsewhere/a", "", ".", "..", "a/../a", join(root, "elsewhere/a"), "A", "a\0"]) {
      expectFailure(() => registry.get(name), "runtime/unknown", /there is no runtime/);
    }
  });

  test("are found at once when they come", () => {
    expectFailure(() => registry.get("a"), "runtime/unknown", /"a"/);
    write("user", "a");
    expect(registry.get("a").name).toBe("a");
  });
});

describe("cache", () => {
  test("within 500 ms the disk is not looked at, after that it is", () => {
    write("user", "a");
    const first = registry.get("a");
    remove("user", "a");
    nowMs += 499;
    expect(registry.get("a")).toBe(first);
    nowMs += 2;
    expectFailure(() => registry.get("a"), "runtime/unknown", /"a"/);
  });

  test("an unchanged file is not parsed again", () => {
    write("user", "a");
    const first = registry.get("a");
    later();
    expect(registry.get("a")).toBe(first);
    const [found] = registry.list();
    expect(found && "runtime" in found ? found.runtime : null).toBe(first);
  });

  test("a changed file is, even one of equal size and time of change", () => {
    write("user", "a", "name: a\nslots: 1\n");
    const file = join(root, "user", "a", "runtime.yaml");
    utimesSync(file, 1000, 1000);
    expect(registry.get("a").slots).toBe(1);
    later();
    write("user", "a", "name: a\nslots: 2\n");
    utimesSync(file, 1000, 1000);
    expect(registry.get("a").slots).toBe(2);
  });
});
