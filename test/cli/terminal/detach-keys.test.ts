import { describe, expect, it } from "vitest";
import { createDetachWatch, parseDetachKeys } from "../../../src/cli/terminal/detach-keys.ts";

describe("detach keys", () => {
  it.each([
    ["ctrl-p,ctrl-q", [16, 17]],
    ["CTRL-\\", [28]],
    ["ctrl-@,ctrl-^,ctrl-_,ctrl-[,ctrl-]", [0, 30, 31, 27, 29]],
    ["~,.", [126, 46]],
  ])("%s are read", (text, bytes) => expect([...(parseDetachKeys(text) ?? [])]).toEqual(bytes));

  it("none are none", () => expect(parseDetachKeys("none")).toBeNull());

  it.each(["", "ctrl-", "ctrl-1", "ctrl-p,,q", "alt-x", "é"])("%j is refused", (text) => {
    expect(() => parseDetachKeys(text)).toThrow("names no keys to detach with");
  });
});

describe("what is typed", () => {
  const typed = (keys: string, ...chunks: string[]) => {
    const watch = createDetachWatch(parseDetachKeys(keys));
    const fed = chunks.map((chunk) => watch.feed(Buffer.from(chunk, "latin1")));
    return {
      pass: fed.map(({ pass }) => pass.toString("latin1")).join(""),
      detached: fed.some(({ isDetach }) => isDetach),
      held: watch.release().toString("latin1"),
    };
  };

  it("passes whole but for the keys, in one piece or key by key", () => {
    const expected = { pass: "ls\r", detached: true, held: "" };
    expect(typed("ctrl-p,ctrl-q", "ls\r\x10\x11rest")).toEqual(expected);
    expect(typed("ctrl-p,ctrl-q", "ls\r", "\x10", "\x11")).toEqual(expected);
  });

  it("passes the first key once another follows", () => {
    expect(typed("ctrl-p,ctrl-q", "\x10", "x", "\x10\x10y")).toEqual({
      pass: "\x10x\x10\x10y",
      detached: false,
      held: "",
    });
  });

  it("holds the first key back, and gives it up when asked", () => {
    expect(typed("ctrl-p,ctrl-q", "a\x10")).toEqual({ pass: "a", detached: false, held: "\x10" });
  });

  it("finds keys that begin within themselves", () => {
    expect(typed("a,a,b", "aaab")).toEqual({ pass: "a", detached: true, held: "" });
  });

  it("passes everything when no keys detach", () => {
    expect(typed("none", "\x10\x11")).toEqual({ pass: "\x10\x11", detached: false, held: "" });
  });
});
