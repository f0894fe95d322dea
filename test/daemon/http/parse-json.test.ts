import { describe, expect, test } from "vitest";
import { parseJson } from "../../../src/daemon/http/parse-json.ts";
import { createRng } from "../../../src/std/rng.ts";

const parse = (text: string) => parseJson(Buffer.from(text), 64, () => {});
/** Too long for one piece. */
const filler = Array.from({ length: 20_000 }, (_, index) => `"item ${index}"`);
const long = `[${filler.join(",")}]`;

/** A random value that is often large, nested and full of what JSON steers by. */
function randomValue(seed: number): unknown {
  const rng = createRng(seed);
  const texts = ['",]}', "\\", '\\"', "é€😀", "", "\u2028", "[{", "x"];
  const make = (depth: number): unknown => {
    const kind = rng.below(depth > 3 ? 4 : 7);
    if (kind === 0) return rng.below(1000) - 500.25;
    if (kind === 1) return [null, true, false][rng.below(3)];
    if (kind < 4) return texts[rng.below(texts.length)];
    const size = [3, 30, 3_000][depth === 0 ? rng.below(3) : rng.below(2)] ?? 3;
    const items = Array.from({ length: rng.below(size) }, () => make(depth + 1));
    if (kind === 4) return items;
    return Object.fromEntries(
      items.map((item, index) => [rng.chance(0.2) ? `${index}` : `k"${index}`, item]),
    );
  };
  const long = { text: "y".repeat(70_000), all: Array.from({ length: 500 }, () => make(1)) };
  return { first: make(0), list: [make(0), long, make(1), long], last: make(1) };
}

describe("a large JSON text in pieces", () => {
  test.each(Array.from({ length: 6 }, (_, seed) => seed))(
    "is what JSON.parse gives: seed %i",
    async (seed) => {
      const value = randomValue(seed);
      for (const text of [JSON.stringify(value), JSON.stringify(value, null, 3)])
        expect(await parse(text)).toEqual(JSON.parse(text));
    },
  );

  test.each(["\\\\", '"', "é", "€", "😀", "\\ud83d", "\\u0041b", "\n", "plain", '\\"', "\\\\\\"])(
    "long texts of %j, cut anywhere",
    async (unit) => {
      for (let shift = 0; shift < 5; shift += 1) {
        const text = "x".repeat(shift) + unit.repeat(Math.ceil(550_000 / unit.length));
        const value = { [shift === 0 ? text : "key"]: 1, list: [1, text, { inner: text }] };
        const whole = JSON.stringify(value);
        expect(await parse(whole), `shift ${shift}`).toEqual(JSON.parse(whole));
      }
      const raw = `{"a":"${"\\u0041\\n\\\\".repeat(100_000)}"}`;
      expect(await parse(raw)).toEqual(JSON.parse(raw));
    },
  );

  test("keeps the order of keys, and the last of two alike", async () => {
    const text = `{"b":${long},"a":1,"b":2,"a":${long}}`;
    expect(await parse(text)).toEqual({ b: 2, a: JSON.parse(long) });
    expect(Object.keys((await parse(text)) as object)).toEqual(["b", "a"]);
  });

  test.each([
    `{"a":${long},}`,
    `{"a":${long}`,
    `{"a":${long}}}`,
    `{"a":${long}]`,
    `{"a":${long} 1}`,
    `{"a":${long} "b":1}`,
    `{"a" ${long}}`,
    `{${long}}`,
    `{,"a":${long}}`,
    `[1 ${long}]`,
    `[${long},,1]`,
    `[${long} ${long}]`,
    `x${long}`,
    `${long}x`,
    `[${filler.join(",")},]`,
    `[${filler.join(",,")}]`,
    `[${filler.join(" ")}]`,
    `["${"x".repeat(100_000)}]`,
    `["${"x".repeat(700_000)}" 1]`,
    `[1 "${"x".repeat(700_000)}"]`,
    `{"a" "${"x".repeat(700_000)}"}`,
    `{"a":1,"${"x".repeat(700_000)}"}`,
    `{"a":"${"x".repeat(700_000)}",}`,
    `{"a":"${"x".repeat(700_000)}\\x"}`,
    `{"a":"${"x".repeat(700_000)}\\u00g0${"x".repeat(100_000)}"}`,
    `{"a":"${"x\u0001".repeat(400_000)}"}`,
    `"${"x".repeat(700_000)}" 1`,
    `[${filler.join(",")},"\u0001"]`,
  ])("is refused where JSON.parse refuses it: %#", async (text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    const answer = await parse(text).then(
      () => "taken",
      (error: unknown) => error,
    );
    expect(answer).toBeInstanceOf(SyntaxError);
  });

  test.each([
    ["too many values", `[${"[],".repeat(1_100_000)}1]`, /more than 1000000 values/],
    ["too deep", `{"a":${"[".repeat(70)}${long}${"]".repeat(70)}}`, /deeper than 64 levels/],
    ["a text that is too long", `["${"x".repeat(17 * 2 ** 20)}"]`, /a text is longer/],
  ])("is refused: %s", async (_what, text, message) => {
    await expect(parse(text)).rejects.toThrow(message);
  });

  test("that is not UTF-8 is refused", async () => {
    const bytes = Buffer.from(long);
    bytes[90_000] = 0xff;
    await expect(parseJson(bytes, 64, () => {})).rejects.toThrow(SyntaxError);
  });

  test("shows each piece with where it lies before it is taken in", async () => {
    const refuse = `{"jobs":[${'{"a":"b"},'.repeat(20_000)}{"a":{"b":"\\u0000"}}]}`;
    const found: string[] = [];
    await parseJson(Buffer.from(refuse), 64, ({ value, path, first }) => {
      if (!Array.isArray(value)) return;
      const at = value.findIndex((each) => JSON.stringify(each).includes("\\u0000"));
      if (at >= 0) found.push([...path(), first + at].join("."));
    });
    expect(found).toEqual(["jobs.20000"]);
    const odd = `{"a":["${"x".repeat(700_000)}\\u0000"]}`;
    await parseJson(Buffer.from(odd), 64, ({ value, path, first }) => {
      if (Array.isArray(value) && String(value[0]).includes("\0")) found.push([...path(), first].join("."));
    });
    expect(found).toEqual(["jobs.20000", "a.0"]);
  });
});
