import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkParams } from "../../src/runtime/check-params.ts";
import type { Json } from "../../src/std/json.ts";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const runtime = runtimeFrom(`
params:
  prompt: { type: string, required: true, help: what to draw }
  width: { type: integer, default: 1024, min: 256, max: 2048, multipleOf: 8 }
  scale: { type: number, default: 0.8, min: 0.05, max: 5 }
  step: { type: number, multipleOf: 0.1 }
  loud: { type: boolean, default: false }
  style: { type: string, choices: [photo, paint] }
  tier: { type: integer, choices: [1, 2] }
  any-seed: { type: integer }
  file: { type: file, accept: [image/png, .JPG] }
  model: { type: string, load: true }
  shape: { type: json }
`);

/** One param checked, with the required one given. */
const check = (name: string, value: Json): Json | undefined =>
  checkParams(runtime, { prompt: "x", [name]: value })[name];

describe("values that fit", () => {
  test("defaults are filled in, what has none is absent", () => {
    expect(checkParams(runtime, { prompt: "a cat" })).toEqual({
      prompt: "a cat",
      width: 1024,
      scale: 0.8,
      loud: false,
    });
  });

  test.each<[string, Json, Json]>([
    ["width", 512, 512],
    ["width", "512", 512],
    ["width", 256, 256],
    ["width", 2048, 2048],
    ["any-seed", "-12", -12],
    ["any-seed", "+3", 3],
    ["any-seed", -0, 0],
    ["any-seed", "9007199254740991", 9007199254740991],
    ["scale", "1e-1", 0.1],
    ["scale", ".5", 0.5],
    ["scale", 5, 5],
    ["step", 0.3, 0.3],
    ["step", "1.7", 1.7],
    ["loud", "true", true],
    ["loud", false, false],
    ["style", "paint", "paint"],
    ["shape", { a: [1, null] }, { a: [1, null] }],
    ["shape", '[{"a": "b"}]', [{ a: "b" }]],
    ["shape", [], []],
    ["tier", "2", 2],
    ["prompt", "", ""],
    ["prompt", "12", "12"],
    ["width", null, 1024],
    ["any-seed", null, undefined as unknown as Json],
  ])("%s = %j gives %j", (name, given, expected) => {
    expect(check(name, given)).toStrictEqual(expected);
  });

  test("a MiB of text is the limit", () => {
    expect(check("prompt", "ä".repeat(2 ** 19))).toHaveLength(2 ** 19);
    expectFailure(() => check("prompt", `${"ä".repeat(2 ** 19)}x`), "param/invalid", /"prompt"/, /1 MiB/);
  });
});

describe("values that do not fit", () => {
  test.each<[string, Json, RegExp]>([
    ["width", "abc", /must be a whole number/],
    ["width", "", /must be a whole number/],
    ["width", " 512", /must be a whole number/],
    ["width", "0x200", /must be a whole number/],
    ["width", "512.0", /must be a whole number/],
    ["width", 512.5, /must be a whole number/],
    ["width", true, /must be a whole number/],
    ["width", [512], /must be a whole number/],
    ["width", 255, /between 256 and 2048/],
    ["width", 2056, /between 256 and 2048/],
    ["width", 257, /multiple of 8/],
    ["any-seed", 2 ** 53, /must be a whole number/],
    ["any-seed", "9007199254740993", /must be a whole number/],
    ["any-seed", Number.NaN, /must be a whole number/],
    ["scale", Number.POSITIVE_INFINITY, /must be a number/],
    ["scale", "Infinity", /must be a number/],
    ["scale", "NaN", /must be a number/],
    ["scale", "1e999", /must be a number/],
    ["scale", "1,5", /must be a number/],
    ["scale", "5.01", /between 0.05 and 5/],
    ["step", 0.35, /multiple of 0.1/],
    ["loud", "yes", /true or false/],
    ["loud", 1, /true or false/],
    ["style", "Paint", /one of photo, paint/],
    ["tier", 3, /one of 1, 2/],
    ["prompt", 12, /must be text/],
    ["prompt", null, /must be text/],
    ["prompt", { a: 1 }, /must be text/],
    ["prompt", "a\0b", /NUL/],
  ])("%s = %j is refused", (name, given, why) => {
    const failure = expectFailure(
      () => check(name, given),
      "param/invalid",
      new RegExp(`param "${name}": `),
      why,
    );
    expect(failure.message.length).toBeLessThan(200);
  });

  test("the value is in the message", () => {
    expectFailure(() => check("width", 257), "param/invalid", /param "width": 257 is not allowed/);
  });

  test("an unknown param is named, with the one meant", () => {
    expectFailure(
      () => check("widht", 1),
      "param/unknown",
      /"demo" has no param "widht"/,
      /did you mean "width"\?/,
    );
    expectFailure(() => check("any_seed", 1), "param/unknown", /"any_seed"/, /did you mean "any-seed"\?/);
    expectFailure(() => check("qqqqqq", 1), "param/unknown", /"qqqqqq"/, /it takes prompt, width/);
  });

  test("a missing one is named, with its help", () => {
    expectFailure(() => checkParams(runtime, {}), "param/missing", /"prompt"/, /what to draw/);
  });

  test("__proto__ is unknown, and members of every object are too", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const given: Record<string, Json> = JSON.parse(`{"prompt": "x", "${name}": {"width": 1}}`);
      expectFailure(() => checkParams(runtime, given), "param/unknown", new RegExp(`"${name}"`));
    }
    const inherited: Record<string, Json> = Object.create({ prompt: "x" });
    expectFailure(() => checkParams(runtime, inherited), "param/missing", /"prompt"/);
  });
});

describe("sizes that the kernel would refuse at the start", () => {
  test("an argument of a program", () => {
    const program = runtimeFrom(
      "protocol: exec\ncommand: [echo, '--text={text}']\nparams: { text: { type: string } }",
    );
    expect(checkParams(program, { text: "x".repeat(131_072 - 8) })["text"]).toHaveLength(131_064);
    const tooLong = { text: "x".repeat(131_072 - 7) };
    expectFailure(() => checkParams(program, tooLong), "param/invalid", /command of "demo"/, /128 KiB/);
  });

  // Shows that the limit is the kernel's own, not one invented here.
  test("is the very limit of the kernel", () => {
    const run = (length: number) => execFileSync("/bin/true", ["x".repeat(length)]);
    run(131_071);
    expect(() => run(131_072)).toThrow(/E2BIG/);
  });

  test("load params, which travel in the environment", () => {
    expectFailure(
      () => check("model", "x".repeat(100_000)),
      "param/invalid",
      /load params model/,
      /100000 bytes/,
    );
  });
});

describe("file params", () => {
  let dir = "";
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "orch-files-"));
    for (const name of ["a.png", "b.jpg", "c.txt", "none"]) writeFileSync(join(dir, name), "x");
    mkdirSync(join(dir, "d.png"));
    symlinkSync("a.png", join(dir, "link.png"));
    symlinkSync("gone", join(dir, "dangling.png"));
    execFileSync("mkfifo", [join(dir, "fifo.png")]);
  });
  afterAll(() => {
    chmodSync(dir, 0o700);
    rmSync(dir, { recursive: true });
  });

  test.each(["a.png", "b.jpg", "link.png"])("%s is taken", (name) => {
    expect(check("file", join(dir, name))).toBe(join(dir, name));
  });

  test.each(["http://host/a.png", "HTTPS://host/b.JPG?size=2", "https://host/image/12"])(
    "%s is kept",
    (address) => {
      expect(check("file", address)).toBe(address);
    },
  );

  test.each<[string, "param/invalid" | "file/missing" | "file/unreadable", RegExp]>([
    ["c.txt", "param/invalid", /one of image\/png, \.JPG/],
    ["none", "param/invalid", /one of image\/png/],
    ["gone.png", "file/missing", /on the host/],
    ["a.png/x.png", "file/missing", /on the host/],
    ["dangling.png", "file/missing", /on the host/],
    ["d.png", "file/unreadable", /folder/],
    ["fifo.png", "file/unreadable", /not a regular file/],
  ])("%s is refused", (name, code, why) => {
    expectFailure(() => check("file", join(dir, name)), code, /param "file"/, why);
  });

  test.each(["a.png", "./a.png", "~/a.png", "file:///a.png", "-", "http://", "ftp://host/a.png"])(
    "%s is no path",
    (text) => {
      expectFailure(() => check("file", text), "param/invalid", /param "file"/, /absolute path or an http/);
    },
  );

  test("a web address of a wrong type is refused", () => {
    expectFailure(() => check("file", "https://host/a.wav"), "param/invalid", /"file"/, /one of/);
  });

  // root reads whatever its mode says, so this shows something only for other users.
  test.skipIf(process.getuid?.() === 0)("a file of mode 0 is unreadable", () => {
    chmodSync(join(dir, "a.png"), 0);
    expectFailure(() => check("file", join(dir, "a.png")), "file/unreadable", /"file"/, /may not read/);
    chmodSync(join(dir, "a.png"), 0o600);
  });
});
