import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createReserve } from "../../src/daemon/reserve.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-reserve-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("the reserve is there from the start, is given back once, and is set aside again", () => {
  const file = join(dir, "reserve");
  const reserve = createReserve(file);
  expect(statSync(file).size).toBe(4 * 2 ** 20);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(reserve.release()).toBe(true);
  expect(existsSync(file)).toBe(false);
  expect(reserve.release(), "there is nothing left to give").toBe(false);
  reserve.refill();
  expect(statSync(file).size).toBe(4 * 2 ** 20);
  expect(reserve.release()).toBe(true);
});

test("one that an earlier daemon set aside is used", () => {
  const file = join(dir, "reserve");
  createReserve(file);
  expect(createReserve(file).release()).toBe(true);
  expect(existsSync(file)).toBe(false);
});

test("a folder that cannot be written to is no reason to fail", () => {
  const reserve = createReserve(join(dir, "gone", "reserve"));
  reserve.refill();
  expect(reserve.release()).toBe(false);
});
