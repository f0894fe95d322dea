import { describe, expect, it } from "vitest";
import { splitWords } from "../../src/tui/state/command-line.ts";
import type { Facts } from "../../src/tui/state/pane-keys.ts";
import { type Pressed, paste, press } from "../../src/tui/state/press.ts";
import { firstUi, matches, readFilter, type Ui } from "../../src/tui/state/ui.ts";
import { jobView, workerView } from "../cli/sample-views.ts";

const job = jobView({ id: 42, state: "queued", priority: 3 });
const facts: Facts = {
  isReadOnly: false,
  keys: ["42", "43", "44"],
  isPartial: false,
  sortable: ["ID", "PRIO"],
  pageRows: 2,
  logLines: 0,
  top: 0,
  above: 0,
  job,
  worker: null,
  gpu: null,
  jobs: new Map([[42, job]]),
};

/** Presses keys one after the other. */
function pressAll(keys: readonly string[], more: Partial<Facts> = {}, ui: Ui = firstUi({})): Pressed {
  return keys.reduce<Pressed>((now, key) => press(now.ui, key, { ...facts, ...more }), { ui });
}

const typed = (text: string): string[] =>
  [...text].map((character) => (character === " " ? "space" : character));

describe("keys of jobs", () => {
  it("cancel asks first, and only y means it", () => {
    expect(pressAll(["c"]).ui.mode).toMatchObject({ kind: "confirm", question: "cancel job 42?" });
    expect(pressAll(["c", "y"]).order).toEqual({ type: "jobs", what: "cancel", jobs: [42] });
    for (const key of ["n", "enter", "esc", "c", "q"]) {
      const { ui, order } = pressAll(["c", key]);
      expect(order ?? null).toBeNull();
      expect(ui.mode.kind).toBe("normal");
    }
  });

  it("marks are for all that follows, once", () => {
    const marked = pressAll(["space"], {}, { ...firstUi({}), marks: new Set([7]) });
    expect([...marked.ui.marks].sort()).toEqual([42, 7]);
    const asked = press(marked.ui, "c", facts);
    expect(asked.ui.mode).toMatchObject({ question: "cancel 2 jobs (7, 42)?" });
    const done = press(asked.ui, "y", facts);
    expect(done.order).toMatchObject({ jobs: [7, 42] });
    expect(done.ui.marks.size).toBe(0);
  });

  it("hold releases what is held", () => {
    expect(pressAll(["h"]).order).toMatchObject({ what: "hold" });
    const held = jobView({ id: 42, state: "held" });
    expect(pressAll(["h"], { job: held, jobs: new Map([[42, held]]) }).order).toMatchObject({
      what: "release",
    });
  });

  it("priority goes by one", () => {
    expect(pressAll(["+"]).order).toEqual({ type: "priority", jobs: [{ id: 42, priority: 4 }] });
    expect(pressAll(["-"]).order).toEqual({ type: "priority", jobs: [{ id: 42, priority: 2 }] });
  });

  it("a read-only screen refuses whatever changes something, and nothing else", () => {
    for (const key of ["c", "r", "h", "+", "-", "a", "p", "s"]) {
      const { ui, order } = pressAll([key], { isReadOnly: true, worker: workerView() });
      expect(order ?? null).toBeNull();
      expect(ui.mode.kind).toBe("normal");
      expect(ui.message?.text).toContain("read-only");
    }
    for (const key of ["enter", "l", "/", ":", "?", "o", "z", "j"])
      expect(pressAll([key], { isReadOnly: true }).ui.message).toBeNull();
  });
});

describe("keys of workers", () => {
  const worker = workerView({ name: "sdxl-1", pinned: false });
  const on = { job: null, jobs: new Map(), worker };

  it("pin, stop and switch", () => {
    expect(pressAll(["p"], on).order).toEqual({ type: "pin", worker: "sdxl-1", pinned: true });
    expect(pressAll(["c", "y"], on).order).toEqual({ type: "stop-worker", worker: "sdxl-1" });
    const { order } = pressAll(["s", ...typed("flux"), "enter"], on);
    expect(order).toMatchObject({ type: "switch", runtime: "flux" });
    expect(pressAll(["s", "enter"], on).order ?? null).toBeNull();
  });
});

describe("the screen", () => {
  it("filters as it is typed, and Escape brings the old filter back", () => {
    expect(pressAll(["/", ...typed("fox !cat")]).ui.filter).toBe("fox !cat");
    expect(pressAll(["/", ...typed("fox"), "enter"]).ui).toMatchObject({
      filter: "fox",
      mode: { kind: "normal" },
    });
    expect(pressAll(["/", "x", "esc"], {}, { ...firstUi({}), filter: "old" }).ui.filter).toBe("old");
    expect(readFilter("runtime:sdxl fox")).toEqual({ runtime: "sdxl", words: ["fox"] });
    expect(matches("A Fox", ["fox", "!cat"])).toBe(true);
    expect(matches("A Fox and a cat", ["fox", "!cat"])).toBe(false);
  });

  it("sorts by one column after the other, then by none", () => {
    const sorts = ["o", "o", "o"].map(
      (_, count) => pressAll(Array<string>(count + 1).fill("o")).ui.sorts.queue?.title,
    );
    expect(sorts).toEqual(["ID", "PRIO", undefined]);
    expect(pressAll(["o", "O"]).ui.sorts.queue).toEqual({ title: "ID", isDown: true });
  });

  it("Escape goes back step by step, and never ends the program", () => {
    const ui = { ...firstUi({}), marks: new Set([1]), filter: "x", isZoomed: true, view: "main" as const };
    expect(pressAll(["esc"], {}, ui).ui).toMatchObject({ marks: new Set(), filter: "x" });
    expect(pressAll(["esc", "esc"], {}, ui).ui).toMatchObject({ filter: "", isZoomed: true });
    expect(pressAll(["esc", "esc", "esc", "esc"], {}, ui)).toMatchObject({ ui: { isZoomed: false } });
    expect(pressAll(["esc", "esc", "esc", "esc"], {}, ui).order ?? null).toBeNull();
  });

  it("a paste is text where text is typed, and no keys", () => {
    const pasted = { type: "paste", text: "c\ry" } as const;
    expect(paste(firstUi({}), pasted)).toEqual(firstUi({}));
    expect(paste(pressAll([":"]).ui, pasted).mode).toMatchObject({ text: "c y" });
  });
});

describe("command lines", () => {
  const run = (line: string): Pressed => pressAll([":", ...typed(line), "enter"]);

  it("run commands of orch, and those of workers by one word", () => {
    expect(run("cancel 42").order).toEqual({ type: "verb", words: ["cancel", "42"] });
    expect(run("orch cancel 42").order).toEqual({ type: "verb", words: ["cancel", "42"] });
    expect(run("switch sdxl --gpu 1").order).toEqual({
      type: "verb",
      words: ["workers", "switch", "sdxl", "--gpu", "1"],
    });
    expect(run("q").order).toEqual({ type: "quit" });
    expect(run("users").ui.view).toBe("users");
    expect(run("theme light").ui.theme).toBe("light");
    expect(run("theme pink").ui.message?.text).toContain('no theme "pink"');
  });

  it("remember what was typed", () => {
    const { ui } = run("why 42");
    expect(press(press(ui, ":", facts).ui, "up", facts).ui.mode).toMatchObject({ text: "why 42" });
  });

  it.each([
    ["a  b", ["a", "b"]],
    [`submit x --prompt "a fox" 'it''s'`, ["submit", "x", "--prompt", "a fox", "its"]],
    [String.raw`a\ b "c\"d" ''`, ["a b", 'c"d', ""]],
    ["open 'quote", null],
  ])("splits %j as a shell does", (line, words) => expect(splitWords(line)).toEqual(words));
});

describe("a window onto a long queue", () => {
  const keys = Array.from({ length: 60 }, (_, index) => String(1000 + index));
  const long = { keys, isPartial: true, pageRows: 20 };

  it("moves on before its end is reached, and back before its beginning", () => {
    const at = (index: number): Ui => ({
      ...firstUi({}),
      cursors: { queue: { key: keys[index] ?? "", index } },
    });
    expect(pressAll(["j"], long, at(10)).ui.queue).toEqual({ after: 0 });
    expect(pressAll(["j"], long, at(40)).ui.queue).toEqual({ after: 1020 });
    expect(pressAll(["k"], long, { ...at(5), queue: { after: 999 } }).ui.queue).toEqual({ before: 1045 });
    expect(pressAll(["k"], long, at(5)).ui.queue).toEqual({ after: 0 });
    expect(pressAll(["G"], long, at(5)).ui.queue).toEqual({ before: null });
    expect(pressAll(["k"], long, { ...at(5), queue: { before: null } }).ui.queue).toEqual({ before: 1045 });
    expect(pressAll(["g"], long, { ...at(5), queue: { before: null } }).ui.queue).toEqual({ after: 0 });
  });
});
