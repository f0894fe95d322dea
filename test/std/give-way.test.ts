import { describe, expect, it } from "vitest";
import { giveWay, inTurns, type Steps } from "../../src/std/give-way.ts";

/** Holds the event loop. */
function work(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

/** Counts the turns of the event loop until `done`, and tells how long each took. */
async function turnsUntil(done: Promise<unknown>): Promise<number[]> {
  const turns: number[] = [];
  let isOver = false;
  let lastMs = performance.now();
  const tick = (): void => {
    turns.push(performance.now() - lastMs);
    lastMs = performance.now();
    if (!isOver) setImmediate(tick);
  };
  setImmediate(tick);
  await done;
  isOver = true;
  return turns;
}

async function inPieces(pieces: number, ms: number): Promise<void> {
  for (let piece = 0; piece < pieces; piece += 1) {
    await giveWay();
    work(ms);
  }
}

describe("giving way", () => {
  it("divides a long work among many turns", async () => {
    const turns = await turnsUntil(inPieces(50, 2));
    expect(turns.length, "100 ms in turns of 8").toBeGreaterThanOrEqual(8);
  });

  it("divides many works that come at the same time, though each is short", async () => {
    const works = Promise.all(Array.from({ length: 50 }, () => inPieces(1, 2)));
    expect((await turnsUntil(works)).length).toBeGreaterThanOrEqual(8);
  });

  it("lets many go on in one turn while there is time", async () => {
    const works = Promise.all(Array.from({ length: 500 }, () => inPieces(1, 0)));
    expect((await turnsUntil(works)).length).toBeLessThan(20);
  });

  it("takes turns among works in the order in which they come", async () => {
    const order: number[] = [];
    const one = async (number: number): Promise<void> => {
      for (let piece = 0; piece < 2; piece += 1) {
        await giveWay();
        order.push(number);
        work(10);
      }
    };
    await Promise.all([one(1), one(2), one(3)]);
    expect(order).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it("of a computation in steps gives its result, or its error", async () => {
    function* steps(fails: boolean): Steps<number> {
      yield;
      if (fails) throw new Error("no");
      return 5;
    }
    expect(await inTurns(steps(false))).toBe(5);
    await expect(inTurns(steps(true))).rejects.toThrow("no");
  });
});
