import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readSettings, writeSettings } from "../../src/tui/settings.ts";

const dir = mkdtempSync(join(tmpdir(), "orch-settings-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const settings = {
  sorts: { queue: { title: "PRIO", isDown: true } },
  hasMouse: true,
  theme: "light",
  isZoomed: false,
  pane: "gpus",
} as const;

it("what is written is read again, from a folder that has to be made, and nothing is left over", () => {
  const file = join(dir, "state", "top.json");
  expect(readSettings(file)).toEqual({ settings: {}, note: null });
  expect(writeSettings(file, settings)).toBeNull();
  expect(readSettings(file)).toEqual({ settings, note: null });
  expect(readdirSync(join(dir, "state"))).toEqual(["top.json"]);
});

it.each(["", "{", "[]", "null", '{"version":2}', "\u0000"])("%j is passed over with a note", (text) => {
  const file = join(dir, "broken.json");
  writeFileSync(file, text);
  const { settings: read, note } = readSettings(file);
  expect(read).toEqual({});
  expect(note).toContain(file);
  expect(readFileSync(file, "utf8")).toBe(text);
});

it("what of a file makes no sense is left out", () => {
  const file = join(dir, "odd.json");
  writeFileSync(
    file,
    JSON.stringify({ version: 1, sorts: { queue: 3, nothing: {} }, theme: "pink", pane: "gpus" }),
  );
  expect(readSettings(file)).toEqual({ settings: { sorts: {}, pane: "gpus" }, note: null });
});

it("a folder that cannot be written to is said", () => {
  writeFileSync(join(dir, "file"), "");
  expect(writeSettings(join(dir, "file", "top.json"), settings)).toContain("cannot be kept");
});
