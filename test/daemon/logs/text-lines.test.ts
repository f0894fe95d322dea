import { expect, it } from "vitest";
import { createTextLines } from "../../../src/daemon/logs/text-lines.ts";

it("makes lines of pieces, wherever they are cut, and cuts a line that is too long", () => {
  const lines: string[] = [];
  const text = createTextLines((line) => lines.push(line));
  for (const piece of ["on", "e\ntw", "o\n\nthr"]) text.add(piece);
  expect(lines).toEqual(["one", "two", ""]);
  text.add(`ee${"x".repeat(16_000)}`);
  expect(lines.slice(3).map(({ length }) => length)).toEqual([8_000, 8_000]);
  text.end();
  text.end();
  expect(lines.slice(3).join("")).toBe(`three${"x".repeat(16_000)}`);
});
