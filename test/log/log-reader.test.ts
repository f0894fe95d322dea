import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findLineStart, findTail, type LogReader, readLog } from "../../src/log/log-reader.ts";
import { createMask, type Mask, noMask } from "../../src/log/mask.ts";
import { rotateLog } from "../../src/log/rotate-log.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-log-"));
  file = join(dir, "log");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function readAll(reader: LogReader, isOver = false): Promise<string> {
  let text = "";
  for (;;) {
    const piece = await reader.next(isOver);
    if (piece === null) return text;
    expect(piece.offset + piece.bytes.length).toBe(reader.offset);
    text += piece.bytes.toString();
  }
}

const open = (start = 0, mask: Mask = noMask): LogReader => readLog(file, start, mask);

describe("a log", () => {
  test("that is not there yet is empty, and is read as it grows", async () => {
    const reader = open();
    expect(await readAll(reader)).toBe("");
    writeFileSync(file, "one\n");
    expect(await readAll(reader)).toBe("one\n");
    expect(await readAll(reader)).toBe("");
    appendFileSync(file, "two\nthr");
    expect(await readAll(reader)).toBe("two\nthr");
    appendFileSync(file, "ee\n");
    expect(await readAll(reader)).toBe("ee\n");
    expect(reader.offset).toBe(14);
    expect(await readAll(open(8)), "from an offset on").toBe("three\n");
  });

  test("is never cut within a character, wherever a piece ends or the writer stops", async () => {
    const text = "€".repeat(50_000);
    writeFileSync(file, text);
    expect(await readAll(open())).toBe(text);
    const half = Buffer.from("a😀");
    writeFileSync(file, half.subarray(0, 3));
    const reader = open();
    expect(await readAll(reader)).toBe("a");
    appendFileSync(file, half.subarray(3));
    expect(await readAll(reader)).toBe("😀");
    appendFileSync(file, half.subarray(1, 3));
    expect(await readAll(reader), "it may go on").toBe("");
    expect(await readAll(reader, true), "it does not").toBe("\ufffd");
  });

  test("may hold bytes that are no text, also zeros", async () => {
    const bytes = Buffer.from([0, 255, 0, 0xc3, 0x28, 10, 0]);
    writeFileSync(file, bytes);
    const piece = await open().next(true);
    expect(piece?.bytes).toEqual(bytes);
  });

  test("keeps back what may become a hidden value", async () => {
    const mask = createMask(["hunter22"]);
    const reader = open(0, mask);
    writeFileSync(file, "my hunt");
    expect(await readAll(reader)).toBe("my ");
    appendFileSync(file, "er22!\nhun");
    expect(await readAll(reader)).toBe("********!\n");
    appendFileSync(file, "dred\nhunter2");
    expect(await readAll(reader)).toBe("hundred\n");
    expect(await readAll(reader, true), "it has become none").toBe("hunter2");
    writeFileSync(file, "my hunter22\n");
    expect(await readAll(open(6, mask), true), "begun in its midst").toBe("*****\n");
  });
});

describe("a log with parts", () => {
  const text = Array.from({ length: 40_000 }, (_, index) => `line ${index}\n`).join("");

  test("reads as if it were whole, from every offset", async () => {
    writeFileSync(file, text);
    const reader = open();
    const first = await reader.next(false);
    expect(await rotateLog(file, text.length, { maxBytes: 100_000, keepParts: 99 })).toBeGreaterThan(2);
    expect(readFileSync(file).subarray(0, 1000)).toEqual(Buffer.alloc(1000));
    expect((first?.bytes.toString() ?? "") + (await readAll(reader)), "goes on while it is rotated").toBe(
      text,
    );
    for (const start of [0, 1, 99_999, 100_000, 150_000, text.length - 5, text.length])
      expect((await readAll(open(start))) === text.slice(start), `from ${start}`).toBe(true);
    expect(await findTail(file, text.length, 20_000)).toMatchObject({ offset: text.indexOf("line 20000\n") });
    expect(await findLineStart(file, text.indexOf("ne 7\n"))).toBe(text.indexOf("line 7\n"));
  });

  test("is whole after a rotation that was killed before its last step, and the next one makes up for it", async () => {
    writeFileSync(file, text);
    await rotateLog(file, 150_000, { maxBytes: 100_000, keepParts: 99 });
    // The part is there, the hole is not yet, and another part was just begun.
    writeFileSync(file, text);
    writeFileSync(`${file}.packing`, "half of it");
    expect(await readAll(open())).toBe(text);
    await rotateLog(file, text.length, { maxBytes: 100_000, keepParts: 99 });
    expect(readFileSync(file).subarray(0, 100)).toEqual(Buffer.alloc(100));
    expect(await readAll(open())).toBe(text);
  });

  test("tells of parts that are no longer there", async () => {
    writeFileSync(file, text);
    await rotateLog(file, text.length, { maxBytes: 100_000, keepParts: 1 });
    const piece = await open(10).next(false);
    expect(piece?.missingBytes).toBeGreaterThan(200_000);
    expect(piece?.offset).toBe(10 + (piece?.missingBytes ?? 0));
    expect(text.startsWith(piece?.bytes.toString() ?? "-", piece?.offset)).toBe(true);
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
  test.each(cases)("of %j, %i lines", async (text, lines, tail) => {
    writeFileSync(file, text);
    const { offset } = await findTail(file, text.length, lines);
    expect(await readAll(open(offset))).toBe(tail);
  });

  test("of a very large log is found without reading all of it", async () => {
    const size = 100 * 200_000;
    writeFileSync(file, `${"x".repeat(99)}\n`.repeat(200_000));
    const few = await findTail(file, size, 3);
    expect(few.offset).toBe(size - 300);
    expect(few.bytesRead).toBeLessThan(128 * 1024);
    const many = await findTail(file, size, 1_000_000);
    expect(size - many.offset, "no more than 8 MiB is looked through").toBe(8 * 2 ** 20);
  });
});
