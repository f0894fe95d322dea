import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRelayedLog } from "../../../src/daemon/logs/relayed-log.ts";
import { createMask, type Mask, noMask } from "../../../src/log/mask.ts";
import { mountSmallDisk } from "../../kit/small-disk.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-relay-"));
  file = join(dir, "job", "log");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(lines: readonly string[], more: { mask?: Mask; from?: number; file?: string } = {}): number {
  let losses = 0;
  const log = openRelayedLog(more.file ?? file, {
    mask: more.mask ?? noMask,
    from: more.from ?? 0,
    onLoss: () => {
      losses += 1;
    },
  });
  for (const line of lines) log.write(line);
  log.close();
  return losses;
}

test("lines are private and end as lines do, and secrets are hidden before they are written", () => {
  write(["one", "two\n", "my canary-value", ""], { mask: createMask(["canary-value"]) });
  expect(readFileSync(file, "utf8")).toBe("one\ntwo\nmy ************\n\n");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("what is sent a second time changes nothing, as far as it comes", () => {
  write(["one", "two", "three"]);
  write(["one", "two"]);
  expect(readFileSync(file, "utf8"), "the worker broke off").toBe("one\ntwo\nthree\n");
  write(["one", "two", "three", "four"]);
  expect(readFileSync(file, "utf8")).toBe("one\ntwo\nthree\nfour\n");
});

test("what has been packed away is not written again", () => {
  write(["one", "two", "three"], { from: 6 });
  const bytes = readFileSync(file);
  expect(bytes.subarray(0, 6)).toEqual(Buffer.alloc(6));
  expect(bytes.toString("utf8", 6)).toBe("o\nthree\n");
});

test("without a line there is no file", () => {
  write([]);
  expect(() => statSync(file)).toThrow("ENOENT");
});

test("a full disk costs whole lines, and says how many once there is room", ({ skip }) => {
  using disk = mountSmallDisk(1);
  if (disk === null) return skip("no tmpfs can be mounted here");
  const small = join(disk.path, "log");
  let losses = 0;
  const log = openRelayedLog(small, {
    mask: noMask,
    from: 0,
    onLoss: () => {
      losses += 1;
    },
  });
  log.write("first");
  disk.fill();
  for (let line = 0; line < 7; line++) log.write("x".repeat(5000));
  disk.clear();
  log.write("again");
  disk.fill();
  log.write("y".repeat(5000));
  disk.clear();
  log.close();
  const mark = (lines: string): string => `[... ${lines} lost: no space left]\n`;
  expect(readFileSync(small, "utf8")).toBe(`first\n${mark("7 lines")}again\n${mark("1 line")}`);
  expect(losses).toBe(2);
});
