import { readdir, readFile } from "node:fs/promises";
import { errnoOf } from "../std/failure.ts";

/** What a file of sysfs says, or why nobody knows. */
export type SysfsNumber =
  | { readonly value: number; readonly why: null }
  | { readonly value: null; readonly why: string };

/** The text of a file without the spaces around it; null when it cannot be read. Never rejects. */
export async function readSysfsText(path: string): Promise<string | null> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}

/** The whole number in a file; `why` names the file when it holds none. Never rejects. */
export async function readSysfsNumber(path: string): Promise<SysfsNumber> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  try {
    const text = (await readFile(path, "utf8")).trim();
    const value = Number(text);
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return { value, why: null };
    return { value: null, why: `${name} says ${JSON.stringify(text.slice(0, 40))}` };
  } catch (error) {
    return { value: null, why: `${name} cannot be read (${errnoOf(error) ?? "unknown error"})` };
  }
}

/** The numbers in a file of lines "name value", by name, as text: some have 64 bits. Null when it cannot be read. */
export async function readSysfsProperties(path: string): Promise<ReadonlyMap<string, string> | null> {
  const text = await readSysfsText(path);
  if (text === null) return null;
  const lines = text.split("\n").flatMap((line): [string, string][] => {
    const match = /^(\w+)\s+(\d+)$/.exec(line.trim());
    return match?.[1] === undefined || match[2] === undefined ? [] : [[match[1], match[2]]];
  });
  return new Map(lines);
}

/** The names in a folder, in the order of the numbers at their ends; empty when it cannot be read. Never rejects. */
export async function listSysfs(dir: string, pattern: RegExp): Promise<readonly string[]> {
  const names = await readdir(dir).catch((): string[] => []);
  const numberOf = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? 0);
  return names.filter((name) => pattern.test(name)).sort((left, right) => numberOf(left) - numberOf(right));
}
