import { describe, expect, it } from "vitest";
import { createTerminalModes } from "../../src/std/terminal-modes.ts";

const FULL_SCREEN = "\u001b[?1049h\u001b[?25lhello\u001b[?1000;1006h";

function modesAfter(...chunks: string[]) {
  const modes = createTerminalModes();
  for (const chunk of chunks) modes.feed(Buffer.from(chunk, "latin1"));
  return modes;
}

describe("the modes of a terminal", () => {
  it("are none to undo after plain text, colours and modes that do not last", () => {
    const modes = modesAfter("hello \u001b[31mred\u001b[0m \u001b[?7h \u001b[?1049x");
    expect([modes.restoring(), modes.undoing(), modes.isAlternate()]).toEqual(["", "", false]);
  });

  it("are seen however the output is cut", () => {
    for (let cut = 0; cut <= FULL_SCREEN.length; cut++) {
      for (let next = cut; next <= FULL_SCREEN.length; next++) {
        const modes = modesAfter(
          FULL_SCREEN.slice(0, cut),
          FULL_SCREEN.slice(cut, next),
          FULL_SCREEN.slice(next),
        );
        expect(modes.isAlternate()).toBe(true);
        expect(modes.restoring()).toBe("\u001b[?1049h\u001b[?25l\u001b[?1000h\u001b[?1006h");
        expect(modes.undoing()).toBe("\u001b[?1049l\u001b[?25h\u001b[?1000l\u001b[?1006l");
      }
    }
  });

  it("go back with the program that set them, or with a full reset", () => {
    expect(modesAfter(FULL_SCREEN, "\u001b[?1049l\u001b[?25h\u001b[?1000l\u001b[?1006l").restoring()).toBe(
      "",
    );
    expect(modesAfter(FULL_SCREEN, "\u001bc").restoring()).toBe("");
    expect(modesAfter(FULL_SCREEN, "\u001bc\u001b[?2004h").restoring()).toBe("\u001b[?2004h");
  });

  it("a copy goes its own way, from the midst of a sequence too", () => {
    const modes = modesAfter("\u001b[?10");
    const copy = modes.copy();
    copy.feed(Buffer.from("49h"));
    expect([copy.isAlternate(), modes.isAlternate()]).toEqual([true, false]);
  });
});
