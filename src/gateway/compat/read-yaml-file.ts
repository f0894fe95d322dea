import { readFileSync } from "node:fs";
import type { z } from "zod";
import { errnoOf, Failure } from "../../std/failure.ts";
import { loadLater } from "../../std/load-later.ts";

/** What a file says, and the keys in it that nobody knows, with their places. */
export interface ReadYaml<T> {
  readonly value: T;
  readonly unknown: readonly string[];
}

const yaml = loadLater<typeof import("yaml")>("yaml");

/**
 * Reads a YAML file of an older system. A key that is not known there had no effect, so it is only named.
 * @param schema strict, so that unknown keys are seen
 * @throws Failure config/invalid with file:line:col, file/unreadable
 */
export function readYamlFile<T>(path: string, schema: z.ZodType<T>): ReadYaml<T> {
  const { LineCounter, parseDocument, isNode } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(readText(path), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const placeOf = (steps: readonly PropertyKey[]): string => {
    for (let count = steps.length; count > 0; count -= 1) {
      const node = document.getIn(steps.slice(0, count), true);
      if (isNode(node) && node.range) return at(node.range[0]);
    }
    return `${path}:1:1`;
  };
  const [broken] = document.errors;
  if (broken !== undefined) throw invalid(`${at(broken.pos[0])}: ${broken.message}`);
  const given: unknown = document.toJS({ maxAliasCount: 100 });
  const unknown: string[] = [];
  for (;;) {
    const parsed = schema.safeParse(given);
    if (parsed.success) return { value: parsed.data, unknown };
    const extra = parsed.error.issues.filter((issue) => issue.code === "unrecognized_keys");
    const wrong = parsed.error.issues.find((issue) => issue.code !== "unrecognized_keys");
    if (wrong !== undefined || extra.length === 0) {
      const steps = wrong?.path ?? [];
      const name = steps.length === 0 ? "" : `${steps.join(".")}: `;
      throw invalid(`${placeOf(steps)}: ${name}${wrong?.message ?? "cannot be read"}`);
    }
    for (const issue of extra)
      for (const key of issue.keys) {
        unknown.push(`${placeOf([...issue.path, key])}: ${[...issue.path, key].join(".")}`);
        remove(given, [...issue.path, key]);
      }
  }
}

function remove(given: unknown, steps: readonly PropertyKey[]): void {
  const holder = steps.slice(0, -1).reduce<unknown>((inner, step) => (inner as never)[step], given);
  const last = steps.at(-1);
  if (typeof holder === "object" && holder !== null && last !== undefined)
    Reflect.deleteProperty(holder, last);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure("file/unreadable", `cannot read ${path}`, { why: errnoOf(error) ?? String(error) });
  }
}

function invalid(message: string): Failure {
  return new Failure("config/invalid", message, {
    why: "the file of the older system cannot be taken as it is",
  });
}
