import { describe, expect, it } from "vitest";
import { createRng, type Rng } from "../../src/std/rng.ts";
import { type Canvas, createCanvas } from "../../src/tui/terminal/canvas.ts";
import { createTerminalModel } from "./terminal-model.ts";

const pieces = [
  "a",
  "bc",
  "   ",
  "\x1b[31mred\x1b[m",
  "\x1b[1;7mbold\x1b[m",
  "你好",
  "e\u0301",
  "█▁",
  "longer text",
  "",
];

const ROWS = 4;

/** Lines over the whole width, or two columns of them. */
function randomFrame(rng: Rng, columns: number): (canvas: Canvas) => void {
  const lines = Array.from({ length: ROWS }, () =>
    Array.from({ length: rng.below(6) }, () => rng.pick(pieces)).join(""),
  );
  const split = 1 + rng.below(columns - 1);
  if (rng.chance(0.5)) return (canvas) => canvas.draw({ x: 0, y: 0, width: columns, height: ROWS }, lines);
  return (canvas) => {
    canvas.draw({ x: 0, y: 0, width: split, height: ROWS }, lines);
    canvas.draw({ x: split, y: 0, width: columns - split, height: ROWS }, lines.toReversed());
  };
}

describe("the canvas", () => {
  it("brings the terminal from any frame to any other", () => {
    const rng = createRng(7);
    for (let round = 0; round < 60; round++) {
      const columns = 5 + rng.below(30);
      const canvas = createCanvas(columns, ROWS);
      const model = createTerminalModel(columns, ROWS);
      for (let frame = 0; frame < 12; frame++) {
        const draw = randomFrame(rng, columns);
        draw(canvas);
        model.feed(canvas.changes());
        // The same frame, told to a terminal that knows nothing.
        const other = createCanvas(columns, ROWS);
        const fresh = createTerminalModel(columns, ROWS);
        draw(other);
        fresh.feed(other.changes());
        expect(model.cells()).toEqual(fresh.cells());
        expect(model.faults).toEqual([]);
        // What was told once is not told again.
        expect(canvas.changes()).toBe("");
      }
    }
  });

  it("sends little when little changes", () => {
    const canvas = createCanvas(80, 3);
    const where = { x: 0, y: 0, width: 80, height: 3 };
    canvas.draw(where, ["\x1b[32mworker-1\x1b[m   kept  4m10s  idle", "two", "three"]);
    expect(canvas.changes()).toContain("\x1b[2J");
    canvas.draw(where, ["\x1b[32mworker-1\x1b[m   kept  4m09s  idle", "two", "three"]);
    const change = canvas.changes();
    expect(change).toBe("\x1b[?2026h\x1b[1;20H09\x1b[?2026l");
    canvas.draw(where, ["", "two", "three"]);
    expect(canvas.changes()).toBe("\x1b[?2026h\x1b[1;1H\x1b[K\x1b[?2026l");
  });

  it("never writes beyond its rectangle", () => {
    const canvas = createCanvas(10, 1);
    canvas.draw({ x: 0, y: 0, width: 5, height: 1 }, ["你好吗 too long"]);
    canvas.draw({ x: 5, y: 0, width: 5, height: 1 }, ["right"]);
    const model = createTerminalModel(10, 1);
    model.feed(canvas.changes());
    expect(
      model
        .cells()[0]
        ?.map((cell) => cell.slice(1))
        .join(""),
    ).toBe("你好 right");
  });
});
