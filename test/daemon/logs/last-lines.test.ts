import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { lastLines } from "../../../src/daemon/logs/last-lines.ts";

const dir = mkdtempSync(join(tmpdir(), "orch-last-lines-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each([
  ["plain lines", "one\ntwo\nthree\n", "two | three"],
  ["a file that is not there", null, ""],
  ["a terminal's line ends", "one\r\ntwo\r\r\nthree\r\n", "two | three"],
  [
    "colours and modes",
    "\u001b[?2004hone\r\n\u001b[1;31mtwo\u001b[0m\r\n\u001b]0;title\u0007three",
    "two | three",
  ],
  ["a bar that redraws its line", "one\n10%\r50%\r100%\nthree\n", "100% | three"],
  ["bells and other controls", "one\n\u0007two\u0000\nthree\b\n", "two | three"],
])("%s", (_what, text, expected) => {
  const path = join(dir, "log");
  rmSync(path, { force: true });
  if (text !== null) writeFileSync(path, text);
  expect(lastLines(path, 2)).toBe(expected);
});
