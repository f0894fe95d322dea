import { describe, expect, it } from "vitest";
import { createKeyReader, type Input } from "../../src/tui/terminal/keys.ts";

function namesOf(inputs: readonly Input[]): string[] {
  return inputs.map((input) =>
    input.type === "key"
      ? input.name
      : input.type === "paste"
        ? `paste:${input.text}`
        : `${input.what}@${input.x},${input.y}`,
  );
}

describe("keys", () => {
  it.each([
    ["jk", ["j", "k"]],
    ["\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]],
    ["\x1b[5~\x1b[6~\x1b[H\x1b[F\x1b[1~\x1b[4~", ["pgup", "pgdn", "home", "end", "home", "end"]],
    ["\t\x1b[Z\r \x7f", ["tab", "shift-tab", "enter", "space", "backspace"]],
    ["\x03\x1a\x0c", ["ctrl-c", "ctrl-z", "ctrl-l"]],
    ["ü你", ["ü", "你"]],
    ["\x1b[1;5A", ["up"]],
    ["\x1b[99~\x1b[200;3Xq", ["q"]],
    ["\x1bx", ["esc", "x"]],
    [
      "\x1b[<0;10;5M\x1b[<0;10;5m\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<35;2;2M",
      ["press@9,4", "wheel-up@0,0", "wheel-down@0,0"],
    ],
    ["\x1b[200~c\ry\x1b[201~q", ["paste:c\ry", "q"]],
  ])("%j", (bytes, names) => {
    expect(namesOf(createKeyReader().feed(Buffer.from(bytes)))).toEqual(names);
    // However the bytes are cut, they mean the same.
    const reader = createKeyReader();
    const pieces = [...Buffer.from(bytes)].flatMap((byte) => reader.feed(Buffer.from([byte])));
    expect(namesOf(pieces)).toEqual(names);
  });

  it("a lone Escape is one after a while", () => {
    const reader = createKeyReader();
    expect(reader.feed(Buffer.from("\x1b"))).toEqual([]);
    expect(reader.isWaiting).toBe(true);
    expect(namesOf(reader.release())).toEqual(["esc"]);
    expect(reader.isWaiting).toBe(false);
  });
});
