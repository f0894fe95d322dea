import { describe, expect, it } from "vitest";
import { drawBar, drawSpark } from "../../src/tui/text/bar.ts";
import { fitColumns, rowOf } from "../../src/tui/text/columns.ts";
import { plain, plainLogLine } from "../../src/tui/text/foreign-text.ts";
import { createLook, paintedWidth, unpainted } from "../../src/tui/text/look.ts";
import { shortSpan } from "../../src/tui/text/span.ts";
import { memoryParts } from "../../src/tui/views/gpus.ts";

const look = createLook({ theme: "dark", ascii: false, colours: 256 });

describe("foreign text", () => {
  it.each([
    ["\x1b[31mred\x1b[0m", "red"],
    ["\x1b]0;title\x07after", "after"],
    ["\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["\x1bPq#0\x1b\\dcs", "dcs"],
    ["\x1b[2J\x1b[Hgone", "gone"],
    ["\x1bcreset", "reset"],
    ["a\u202eb\u2066c\u200bd", "abcd"],
    ["\x9b31mC1", "C1"],
    ["tab\tand\nline", "tab and line"],
    ["bell\x07", "bell�"],
    ["open \x1b[12", "open"],
  ])("%j is shown as %j", (text, shown) => expect(plain(text)).toBe(shown));

  it("of a log keeps its columns, and of a line drawn over the last state", () => {
    expect(plainLogLine("a\tb")).toBe("a       b");
    expect(plainLogLine(" 10%\r 20%\r\x1b[32m 30%\x1b[0m")).toBe(" 30%");
    expect(plainLogLine("done\r")).toBe("done");
  });
});

describe("a look", () => {
  it("cuts and fills to exact widths, wide characters included", () => {
    for (const text of ["", "abc", "你好世界", "a你b好", "e\u0301e\u0301e\u0301"])
      for (let columns = 1; columns < 10; columns++)
        expect(paintedWidth(look.fit(text, columns))).toBe(columns);
  });

  it("in ASCII has nothing else", () => {
    const ascii = createLook({ theme: "mono", ascii: true, colours: 0 });
    const bar = drawBar(ascii, [{ value: 1, role: "ours", glyph: ascii.glyphs.used }], 2, 10);
    const spark = drawSpark(ascii, [0, 50, 100], 5);
    const all = [bar, spark, ascii.cut("fox 狐 café", 20), ...Object.values(ascii.glyphs)].join("");
    expect(unpainted(all)).toMatch(/^[\x20-\x7e]*$/);
  });

  it("without colours paints no colour, whatever theme is asked for", () => {
    const plainLook = createLook({ theme: "dark", ascii: false, colours: 0 });
    const roles = ["dim", "good", "bad", "warn", "ours", "foreign", "active", "bar"] as const;
    const painted = roles.map((role) => plainLook.paint(role, "x")).join("") + plainLook.select("x");
    expect(painted).not.toMatch(/\[[\d;]*(3\d|4\d|38|48)/);
    expect(plainLook.theme).toBe("mono");
  });

  it("keeps the styles of a line that is selected", () => {
    const line = look.select(`a${look.paint("bad", "b")}c`);
    expect(unpainted(line)).toBe("abc");
    expect(line).toContain("38;5;203;48;5;238m");
  });
});

describe("bars", () => {
  it("take exactly their columns, and show whatever is not nothing", () => {
    const { glyphs } = look;
    for (let columns = 3; columns < 40; columns++)
      for (const values of [
        [0, 0],
        [1, 0],
        [1, 1],
        [50, 50],
        [99, 1],
        [100, 0],
        [120, 30],
      ] as const) {
        const parts = [
          { value: values[0], role: "ours" as const, glyph: glyphs.used },
          { value: values[1], role: "foreign" as const, glyph: glyphs.foreign },
        ];
        const bar = unpainted(drawBar(look, parts, 100, columns));
        expect(bar).toHaveLength(columns);
        if (values[0] > 0) expect(bar).toContain(glyphs.used);
        if (values[1] > 0 && values[0] < 100) expect(bar).toContain(glyphs.foreign);
      }
  });

  it("split memory into ours, foreign, reserved and free", () => {
    const parts = (used: number, reserved: number, foreign: number) =>
      memoryParts({
        memory: {
          totalBytes: 80,
          usedBytes: used,
          freeBytes: 80 - used,
          reservedBytes: reserved,
          foreignBytes: foreign,
        },
      });
    expect(parts(30, 50, 10)).toEqual({ ours: 20, foreign: 10, reserved: 30, free: 20 });
    expect(parts(0, 80, 0)).toEqual({ ours: 0, foreign: 0, reserved: 80, free: 0 });
    expect(parts(70, 20, 70)).toEqual({ ours: 0, foreign: 70, reserved: 10, free: 0 });
    expect(parts(90, 100, 0)).toEqual({ ours: 80, foreign: 0, reserved: 0, free: 0 });
  });

  it("draw curves of the newest values", () => {
    expect(drawSpark(look, [0, 13, 50, 100, null], 6)).toBe(" ▁▂▅█ ");
    expect(drawSpark(look, [0, 0, 100], 2)).toBe("▁█");
  });
});

describe("columns", () => {
  const columns = [
    { title: "ID", width: 4, align: "right" as const, text: (row: string) => row },
    { title: "NAME", most: 10, drop: 2, text: (row: string) => row.repeat(3) },
    { title: "WHAT", width: 6, grow: 1, text: (row: string) => row.repeat(30) },
    { title: "MORE", width: 5, drop: 1, text: () => "more" },
  ];

  it("fill every width exactly, and go in their order where there is none", () => {
    for (let width = 11; width < 120; width++) {
      const line = rowOf(look, fitColumns(columns, ["a", "bb"], width), "a");
      expect(paintedWidth(line)).toBe(width);
    }
    const titles = (width: number): string[] =>
      fitColumns(columns, ["aaaa"], width).columns.map(({ title }) => title);
    expect(titles(60)).toEqual(["ID", "NAME", "WHAT", "MORE"]);
    expect(titles(20)).toEqual(["ID", "WHAT", "MORE"]);
    expect(titles(12)).toEqual(["ID", "WHAT"]);
  });
});

it("times take at most six columns", () => {
  const times = [
    -5,
    0,
    59_999,
    60_000,
    3_599_000,
    86_399_000,
    86_400_000,
    99 * 86_400_000,
    4_000 * 86_400_000,
  ];
  expect(times.map(shortSpan)).toEqual([
    "0s",
    "0s",
    "59s",
    "1m00s",
    "59m59s",
    "23h59m",
    "1d00h",
    "99d00h",
    "4000d",
  ]);
});
