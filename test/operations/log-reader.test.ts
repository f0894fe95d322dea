import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type LogReader, readLog } from "../../src/operations/log-reader.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-log-"));
  file = join(dir, "log");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function readAll(reader: LogReader): string {
  let text = "";
  for (let piece = reader.next(); piece !== ""; piece = reader.next()) text += piece;
  return text;
}

describe("a log", () => {
  test("that is not there yet is empty, and is read as it grows", () => {
    const reader = readLog(() => file, null);
    expect(readAll(reader)).toBe("");
    writeFileSync(file, "one\n");
    expect(readAll(reader)).toBe("one\n");
    expect(readAll(reader)).toBe("");
    appendFileSync(file, "two\nthr");
    expect(readAll(reader)).toBe("two\nthr");
    appendFileSync(file, "ee\n");
    expect(readAll(reader)).toBe("ee\n");
  });

  test("is never cut within a character, wherever a piece ends", () => {
    const text = "€".repeat(50_000);
    writeFileSync(file, text);
    expect(readAll(readLog(() => file, null))).toBe(text);
  });

  test("of another attempt is read from its start", () => {
    const second = join(dir, "second");
    let path = file;
    writeFileSync(file, "a long first attempt\n");
    writeFileSync(second, "short\n");
    const reader = readLog(() => path, null);
    expect(readAll(reader)).toBe("a long first attempt\n");
    path = second;
    expect(readAll(reader)).toBe("short\n");
  });
});

describe("the tail of a log", () => {
  const cases: [text: string, lines: number, tail: string][] = [
    ["", 3, ""],
    ["a\nb\nc\n", 2, "b\nc\n"],
    ["a\nb\nc", 2, "b\nc"],
    ["a\nb\nc\n", 3, "a\nb\nc\n"],
    ["a\nb\nc\n", 99, "a\nb\nc\n"],
    ["a\nb\nc\n", 0, ""],
    ["a\nb\nc", 0, ""],
    ["\n\n\n", 2, "\n\n"],
    ["\n\n\n", 5, "\n\n\n"],
    ["\nabc\n", 1, "abc\n"],
    ["\nabc\n", 2, "\nabc\n"],
    ["\nabc\n", 7, "\nabc\n"],
    ["\n", 1, "\n"],
    ["abc", 1, "abc"],
  ];
  test.each(cases)("of %j, %i lines", (text, lines, tail) => {
    writeFileSync(file, text);
    const reader = readLog(() => file, lines);
    expect(readAll(reader)).toBe(tail);
    appendFileSync(file, "more");
    expect(readAll(reader), "and what comes after").toBe("more");
  });

  test("of a very large log is found without reading all of it", () => {
    writeFileSync(file, `${"x".repeat(99)}\n`.repeat(200_000));
    const startMs = performance.now();
    expect(readAll(readLog(() => file, 3))).toBe(`${"x".repeat(99)}\n`.repeat(3));
    expect(performance.now() - startMs).toBeLessThan(500);
  });
});
