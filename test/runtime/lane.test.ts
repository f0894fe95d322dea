import { mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { laneOf } from "../../src/runtime/lane.ts";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const runtime = runtimeFrom(`
params:
  prompt: { type: string }
  model: { type: file, load: true }
  bits: { type: integer, load: true }
  base: { type: string, load: true }
`);

describe("lanes", () => {
  test("without load params the lane is the runtime", () => {
    expect(laneOf(runtimeFrom("params: { a: { type: string } }"), { a: "x" })).toEqual({
      key: "demo",
      display: "demo",
      load: {},
    });
    expect(laneOf(runtime, { prompt: "x" }).key).toBe("demo");
  });

  test("other params do not matter, the order does not either", () => {
    const one = laneOf(runtime, { prompt: "a", bits: 8, base: "xl" });
    const other = laneOf(runtime, { base: "xl", bits: 8, prompt: "b" });
    expect(one).toEqual({
      key: "demo?base=xl&bits=8",
      display: "demo?base=xl&bits=8",
      load: { base: "xl", bits: 8 },
    });
    expect(other.key).toBe(one.key);
  });

  test("no value can pretend to be two params", () => {
    const one = laneOf(runtime, { base: "xl&bits=8" }).key;
    expect(one).not.toBe(laneOf(runtime, { base: "xl", bits: 8 }).key);
    expect(one).toBe("demo?base=xl%26bits%3D8");
  });

  test("half a surrogate pair does not throw", () => {
    expect(laneOf(runtime, { base: "\ud800" }).key).toBe("demo?base=%EF%BF%BD");
  });
});

describe("a model file", () => {
  let dir = "";
  let file = "";
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "orch-lane-"));
    file = join(dir, "a.bin");
    writeFileSync(file, "one");
    utimesSync(file, 1000, 1000);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const key = (path = file) => laneOf(runtime, { model: path }).key;

  test("unchanged is the same lane, shown by its name", () => {
    const lane = laneOf(runtime, { model: file });
    expect(lane.key).toBe(key());
    expect(lane.display).toBe("demo?model=a.bin");
    expect(lane.load).toEqual({ model: file });
  });

  test("another size, time or inode is another lane", () => {
    const first = key();
    writeFileSync(file, "three");
    utimesSync(file, 1000, 1000);
    const larger = key();
    utimesSync(file, 1000, 1000.001);
    const later = key();
    // The same size and time as at first, yet another file.
    writeFileSync(join(dir, "b.bin"), "two");
    utimesSync(join(dir, "b.bin"), 1000, 1000);
    renameSync(join(dir, "b.bin"), file);
    expect(new Set([first, larger, later, key()]).size).toBe(4);
  });

  test("a link is what it points to", () => {
    const link = join(dir, "latest.bin");
    symlinkSync("a.bin", link);
    const lane = laneOf(runtime, { model: link });
    expect(lane.key).toBe(key());
    expect(lane.load).toEqual({ model: file });
    expect(lane.display).toBe("demo?model=latest.bin");
  });

  test("that is gone is a failure of the user's", () => {
    expectFailure(() => key(join(dir, "gone.bin")), "file/missing", /param "model"/);
  });

  test("on the web is its address", () => {
    expect(key("https://host/m.bin")).toBe("demo?model=https%3A//host/m.bin");
  });
});
