import { describe, expect, it } from "vitest";
import { layOut } from "../../src/tui/layout.ts";
import { cursorIndex, scrollTop } from "../../src/tui/state/scroll.ts";

const needs = { gpus: 8, workers: 30, running: 12, queue: 60, events: 200 };
const input = { columns: 80, rows: 21, view: "main", focus: "queue", isZoomed: false, needs } as const;

describe("the layout", () => {
  it("fills every terminal to the last row, with the pane in use among the panes", () => {
    for (const columns of [80, 160, 250])
      for (let rows = 1; rows < 80; rows++)
        for (const focus of ["gpus", "workers", "running", "queue", "events"] as const) {
          const stacks = layOut({ ...input, columns, rows, focus });
          if (rows >= 6)
            for (const slots of stacks) expect(slots.reduce((sum, { height }) => sum + height, 0)).toBe(rows);
          expect(stacks.flat().map(({ id }) => id)).toContain(focus);
        }
  });

  it("gives an idle pane one row, and the rest to those with something to show", () => {
    const [slots = []] = layOut({ ...input, rows: 40, needs: { gpus: 1, queue: 100 } });
    const heights = Object.fromEntries(slots.map(({ id, height }) => [id, height]));
    expect(heights).toMatchObject({ gpus: 3, workers: 3, running: 3, events: 3, queue: 28 });
  });

  it("heads the columns of each pane where there are rows for it", () => {
    const headed = (view: "main" | "history", rows: number): boolean[] =>
      layOut({ ...input, view, rows, focus: "queue" }).flatMap((slots) =>
        slots.map(({ hasHeading }) => hasHeading),
      );
    expect(headed("history", 22)).toEqual([true, true]);
    expect(headed("main", 35)).toEqual([true, true, true, true, true]);
    expect(headed("main", 30)).toEqual([false, false, false, true, false]);
  });

  it("has two columns where there is room, and one pane alone when zoomed", () => {
    expect(layOut({ ...input, columns: 200 })).toHaveLength(2);
    expect(layOut({ ...input, isZoomed: true })).toEqual([[{ id: "queue", height: 21, hasHeading: true }]]);
  });
});

describe("the cursor", () => {
  it("stays on its row when others come and go, and at its place when its row goes", () => {
    expect(cursorIndex(["a", "b", "c"], { key: "c", index: 0 })).toBe(2);
    expect(cursorIndex(["a", "b"], { key: "c", index: 2 })).toBe(1);
    expect(cursorIndex([], { key: "c", index: 2 })).toBe(-1);
    expect(cursorIndex(["a", "b"], undefined)).toBe(0);
  });

  it("is always in sight, and scrolls no further than it has to", () => {
    expect(scrollTop(0, 4, 5, 20)).toBe(0);
    expect(scrollTop(0, 5, 5, 20)).toBe(1);
    expect(scrollTop(7, 6, 5, 20)).toBe(6);
    expect(scrollTop(7, 9, 5, 20)).toBe(7);
    expect(scrollTop(18, 19, 5, 20)).toBe(15);
    expect(scrollTop(5, -1, 5, 0)).toBe(0);
  });
});
