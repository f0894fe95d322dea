import { expect, test } from "vitest";
import { IdMap } from "../../src/std/id-map.ts";
import { createRng } from "../../src/std/rng.ts";

test.each([1, 2, 3])("is what a Map is, for keys that ascend: seed %i", (seed) => {
  const rng = createRng(seed);
  const map = new IdMap<string>();
  const model = new Map<number, string>();
  let last = 0;
  for (let round = 0; round < 15_000; round += 1) {
    const known = 1 + rng.below(last + 1);
    if (rng.chance(0.6)) {
      last += 1 + rng.below(3);
      map.set(last, `new ${last}`);
      model.set(last, `new ${last}`);
    } else if (rng.chance(0.2) && model.has(known)) {
      map.set(known, "changed");
      model.set(known, "changed");
    } else expect(map.delete(known)).toBe(model.delete(known));
    expect(map.get(known)).toBe(model.get(known));
    expect(map.has(known)).toBe(model.has(known));
    expect(map.size).toBe(model.size);
  }
  expect([...map]).toEqual([...model]);
  expect([...map.keys()]).toEqual([...model.keys()]);
  expect([...map.values()]).toEqual([...model.values()]);
  const seen: [number, string][] = [];
  map.forEach((value, id) => void seen.push([id, value]));
  expect(seen).toEqual([...model]);
  for (const id of map.keys()) map.delete(id);
  expect([map.size, [...map]]).toEqual([0, []]);
  map.set(1, "one").clear();
  expect(map.has(1)).toBe(false);
});
