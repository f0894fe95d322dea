import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../std/failure.ts";
import { type PaneId, paneIds, type Settings, type Sort } from "./state/ui.ts";
import { themes } from "./text/look.ts";

/** What is remembered, and a note when what was written there could not be used. */
export interface Remembered {
  readonly settings: Partial<Settings>;
  readonly note: string | null;
}

/** Reads the settings; a file that is missing, broken or of another version is none. */
export function readSettings(file: string): Remembered {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const isMissing = errnoOf(error) === "ENOENT";
    return { settings: {}, note: isMissing ? null : `settings cannot be read: ${file}: ${errnoOf(error)}` };
  }
  try {
    return { settings: check(JSON.parse(text)), note: null };
  } catch {
    return { settings: {}, note: `settings are passed over, the file is broken: ${file}` };
  }
}

/** Writes the settings, whole or not at all. Says why when that cannot be done. */
export function writeSettings(
  file: string,
  { sorts, hasMouse, theme, isZoomed, pane }: Settings,
): string | null {
  const written = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(written, `${JSON.stringify({ version: 1, sorts, hasMouse, theme, isZoomed, pane })}\n`, {
      mode: 0o600,
    });
    renameSync(written, file);
    return null;
  } catch (error) {
    removeIfThere(written);
    return `settings cannot be kept: ${file}: ${errnoOf(error) ?? "unknown"}`;
  }
}

function removeIfThere(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Then nothing was written there.
  }
}

/** Takes what is as it should be and leaves the rest. @throws Error when nothing of it is */
function check(value: unknown): Partial<Settings> {
  if (!isRecord(value) || value["version"] !== 1) throw new Error("not settings");
  const { sorts, hasMouse, theme, isZoomed, pane } = value;
  const knownTheme = themes.find((each) => each === theme);
  const knownPane = paneIds.find((each) => each === pane);
  return {
    ...(isRecord(sorts) ? { sorts: checkSorts(sorts) } : {}),
    ...(typeof hasMouse === "boolean" ? { hasMouse } : {}),
    ...(typeof isZoomed === "boolean" ? { isZoomed } : {}),
    ...(knownTheme === undefined ? {} : { theme: knownTheme }),
    ...(knownPane === undefined ? {} : { pane: knownPane }),
  };
}

function checkSorts(sorts: Readonly<Record<string, unknown>>): Partial<Record<PaneId, Sort>> {
  const known: Partial<Record<PaneId, Sort>> = {};
  for (const id of paneIds) {
    const sort = sorts[id];
    if (!isRecord(sort)) continue;
    const { title, isDown } = sort;
    if (typeof title === "string" && typeof isDown === "boolean") known[id] = { title, isDown };
  }
  return known;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
