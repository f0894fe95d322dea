import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { describe, expect, it } from "vitest";

// AbortSignal.any does not keep the signals that it is made of: in Node 20 a timeout among them is collected, and never aborts.

const INSTEAD = "use startDeadline of std/deadline-signal.ts";

/** Places where AbortSignal.any is given a timeout: one made there, or a variable of the same block that holds one. */
function offences(path: string, text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) =>
    comment.replaceAll(/[^\n]/g, " "),
  );
  const held = [...code.matchAll(/(\w+)(?::\s*AbortSignal)?\s*=\s*[^;]*?\bAbortSignal\s*\.timeout\(/g)].map(
    ({ index, 1: name }) => ({ name, from: index, to: endOf(code, index, "{", "}") }),
  );
  return [...code.matchAll(/\bAbortSignal\s*\.any\(/g)].flatMap(({ index }) => {
    const given = code.slice(index, endOf(code, index + "AbortSignal.any(".length, "(", ")"));
    const names = held
      .filter(({ from, to }) => from < index && index < to)
      .map(({ name }) => `\\b${name}\\b`);
    const timeout = new RegExp([String.raw`\bAbortSignal\s*\.timeout\(`, ...names].join("|"));
    return timeout.test(given) ? [`${path}:${code.slice(0, index).split("\n").length}: ${INSTEAD}`] : [];
  });
}

/** Where the brackets end within which a place is. */
function endOf(code: string, from: number, open: string, close: string): number {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    if (code[at] === open) depth += 1;
    if (code[at] === close) depth -= 1;
    if (depth < 0) return at;
  }
  return code.length;
}

describe("signals with a time limit", () => {
  const listed = execFileSync(
    "git",
    [
      "ls-files",
      "-co",
      "--exclude-standard",
      "--",
      "src/**/*.ts",
      "src/**/*.tsx",
      "scripts/*.mjs",
      "test/kit/**/*.ts",
    ],
    { encoding: "utf8" },
  );
  const paths = listed.split("\n").filter((path) => path !== "" && fs.existsSync(path));

  it("are made of no timeout that the collector may take", () => {
    expect(paths.length).toBeGreaterThan(100);
    expect(paths.flatMap((path) => offences(path, fs.readFileSync(path, "utf8")))).toEqual([]);
  });

  it.each([
    ["in one line", "const s = AbortSignal.any([signal, AbortSignal.timeout(500)]);"],
    [
      "over several",
      "fetch(url, {\n  signal: AbortSignal.any([\n    outer,\n    AbortSignal.timeout(limitOf(task)),\n  ]),\n});",
    ],
    ["by a variable", "const late = AbortSignal.timeout(5);\nawait work(AbortSignal.any([signal, late]));"],
    [
      "by a choice",
      "const late = ms === null ? never : AbortSignal.timeout(ms);\nAbortSignal.any([late, signal]);",
    ],
  ])("are found where they are planted: %s", (_where, text) => {
    const [found, ...more] = offences("src/planted.ts", text);
    expect(found).toMatch(/^src\/planted\.ts:\d: use startDeadline of std\/deadline-signal\.ts$/);
    expect(more).toEqual([]);
  });

  it.each([
    ["a timeout alone", "fetch(url, { signal: AbortSignal.timeout(500) });"],
    [
      "signals of controllers",
      "AbortSignal.any([stop.signal, signal]);\nconst late = AbortSignal.timeout(5);",
    ],
    [
      "another's name",
      "function a() { const signal = AbortSignal.timeout(5); }\nAbortSignal.any([stop, signal]);",
    ],
    ["a comment", "/** As AbortSignal.any([signal, AbortSignal.timeout(ms)]) */"],
  ])("are let be: %s", (_what, text) => expect(offences("src/planted.ts", text)).toEqual([]));
});
