import { describe, expect, it } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import type { Fields } from "../../src/std/filter/fields.ts";
import { matchFilter } from "../../src/std/filter/match-filter.ts";
import { parseFilter } from "../../src/std/filter/parse-filter.ts";
import { compareRows, parseSort } from "../../src/std/filter/sort-keys.ts";

const fields: Fields = {
  id: "number",
  state: ["queued", "running", "failed"],
  name: "text",
  "memory.freeBytes": "bytes",
  keepAliveMs: "duration",
  submittedAt: "time",
  pinned: "flag",
  gpus: "text",
  "leases.worker": "text",
  "labels.*": "text",
};
const clock = { nowMs: Date.parse("2026-01-02T12:00:00Z"), timeZone: "UTC" };
const row = {
  id: 7,
  state: "failed",
  name: "A Fox, 100%",
  memory: { freeBytes: 10 * 2 ** 30 },
  keepAliveMs: 90_000,
  submittedAt: "2026-01-02T10:30:00Z",
  pinned: true,
  gpus: ["GPU-1", "GPU-2"],
  leases: [{ worker: "sdxl-1" }, { worker: null }],
  labels: { team: "vision", "a.b": "x" },
};
const meets = (text: string, what: unknown = row): boolean =>
  matchFilter(parseFilter(text, fields, clock), what);

describe("a filter", () => {
  it.each([
    "id = 7",
    "id == 7",
    "id != 8 and id >= 7 and id<=7 and id > 6 and id < 8",
    "state = failed",
    "state in (queued, failed)",
    "state not in (queued, running)",
    "not state = queued",
    "name ~ fox",
    "name ~ 'a*100%'",
    "name !~ lighthouse",
    'name = "A Fox, 100%"',
    "name ~ '*'",
    "memory.freeBytes = 10GiB",
    "memory.freeBytes > 9.5 GiB and keepAliveMs = 90 s",
    "memory.freeBytes >= 10737418240",
    "keepAliveMs = 90s and keepAliveMs = 90000 and keepAliveMs < 1h",
    "submittedAt > 2h and submittedAt < 1h",
    "submittedAt > 2h ago",
    "submittedAt >= 2026-01-02 and submittedAt < '2026-01-02 11:00'",
    "submittedAt < now",
    "submittedAt > 1w",
    "pinned",
    "pinned = true and pinned != false",
    "gpus = GPU-2",
    "leases.worker = sdxl-1 and leases.worker != null",
    "label.team = vision and labels.team ~ vis and label.a.b = x",
    "label.other = null",
    "id = 8 or id = 9 or id = 7 and state = failed",
    "NOT (id = 8 OR id = 9) AND pinned",
    "not not pinned",
  ])("%s is met", (text) => {
    expect(meets(text)).toBe(true);
    expect(meets(`not (${text})`)).toBe(false);
  });

  it.each([
    "id = 8",
    "id = 7 and (state = queued or name ~ lighthouse)",
    "name = fox",
    "name ~ 'fox*a'",
    "gpus != GPU-2",
    "label.team = audio",
    "id = null",
    "not pinned",
  ])("%s is not", (text) => expect(meets(text)).toBe(false));

  it("is never met by nothing but with null or a negation", () => {
    const empty = { id: null, gpus: [], labels: {}, memory: null };
    for (const text of [
      "id = 1",
      "id < 1",
      "gpus ~ G",
      "memory.freeBytes < 1TiB",
      "label.team = x",
      "submittedAt < now",
    ])
      expect([text, meets(text, empty)]).toEqual([text, false]);
    for (const text of ["id = null", "id != 1", "gpus = null", "memory.freeBytes = null", "id in (3, null)"])
      expect([text, meets(text, empty)]).toEqual([text, true]);
  });
});

describe("a mistake is pointed at", () => {
  it.each([
    ["stat = failed", 1, 'there is no field "stat"', "did you mean state?"],
    ["id = 7 and nam ~ x", 12, 'there is no field "nam"', "did you mean name?"],
    ["state = faild", 9, 'state is never "faild"', "did you mean failed?"],
    ["state = failed runtime = x", 16, '"and", "or" or the end', "quotes"],
    ["state = failed && id = 7", 16, '"and", "or" or the end', 'write "and"'],
    ["id = seven", 6, "id is compared with a number", undefined],
    ["memory.freeBytes > 10 apples", 20, '"10apples" is not an amount of memory', "12GiB"],
    ["memory.freeBytes > 10QB", 20, '"10QB" is not an amount of memory', "12GiB"],
    ["keepAliveMs < soon", 15, '"soon" is not a duration', "90s"],
    ["submittedAt > yesterdai", 15, "is not a point in time", undefined],
    ["pinned = maybe", 10, "true or false", undefined],
    ["pinned > true", 8, "means nothing", "pinned = true"],
    ["id ~ 7", 4, "is no text", "id = VALUE"],
    ["id", 3, "is missing", "id = VALUE"],
    ["id =", 5, "a value is missing", undefined],
    ["id = = 7", 6, "a value was expected", undefined],
    ["id > null", 6, "null has no order", undefined],
    ["(id = 7", 1, "never closed", undefined],
    ["id = 7)", 7, "never opened", undefined],
    ["(id = 7 id = 8)", 9, '")", "and" or "or"', undefined],
    ["id in 7", 7, '"(" was expected', "state in"],
    ["id in (7", 7, "never closed", undefined],
    ["id in (7 8)", 10, '"," or ")"', undefined],
    ["id not 7", 8, '"in" was expected', undefined],
    ["name = 'a fox", 8, "never closed", "add '"],
    ["", 1, "a field was expected", undefined],
    ["and id = 7", 1, "a field was expected", undefined],
    ["id = 7 and", 11, "a field was expected", undefined],
    ["!pinned", 1, "means nothing", 'write "not"'],
    ["name = 'füchse 🦊' nd id = 7", 19, '"and"', undefined],
    ["label. = x", 1, 'there is no field "label."', undefined],
  ])("%j: column %i", (text, column, message, hint) => {
    const wrong = failureOf(() => parseFilter(text, fields, clock));
    expect(wrong.message).toContain(`column ${column} of the filter: `);
    expect(wrong.message).toContain(message);
    if (hint !== undefined) expect(wrong.hint).toContain(hint);
  });

  it("and what is too much for anybody is refused, not tried", () => {
    const deep = `${"(".repeat(60)}id = 7${")".repeat(60)}`;
    const long = Array.from({ length: 201 }, () => "id = 7").join(" or ");
    expect(failureOf(() => parseFilter(deep, fields, clock)).message).toContain("within each other");
    expect(failureOf(() => parseFilter(long, fields, clock)).message).toContain("more than 200 comparisons");
    expect(failureOf(() => parseFilter("x".repeat(5000), fields, clock)).message).toContain(
      "4000 characters",
    );
  });
});

describe("an order", () => {
  const rows = [
    { id: 1, name: "b", submittedAt: null },
    { id: 2, name: "a", submittedAt: "2026-01-02T10:00:00Z" },
    { id: 3, name: "a", submittedAt: "2026-01-02T10:00:00.5Z" },
    { id: 4, name: null, submittedAt: "2026-01-01T10:00:00Z" },
  ];
  it.each([
    ["id", [1, 2, 3, 4]],
    ["-id", [4, 3, 2, 1]],
    ["name,-id", [3, 2, 1, 4]],
    ["-name,id", [1, 2, 3, 4]],
    ["submittedAt", [4, 2, 3, 1]],
    ["-submittedAt", [3, 2, 4, 1]],
  ])("%s", (text, expected) => {
    const keys = parseSort("--sort", text, fields);
    expect(rows.toSorted((left, right) => compareRows(keys, left, right)).map(({ id }) => id)).toEqual(
      expected,
    );
  });

  it("names the field that is not there", () => {
    expect(failureOf(() => parseSort("--sort", "id,-nme", fields))).toMatchObject({
      message: '--sort: there is no field "nme"',
      hint: "did you mean name?",
    });
  });
});

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
