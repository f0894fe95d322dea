import { describe, expect, it } from "vitest";
import { openQuote, replacementOf, splitShellLine } from "../../../src/cli/complete/shell-line.ts";

describe("a line of shell", () => {
  it.each([
    ["orch ls ", ["orch", "ls"], "", ""],
    ["orch  ls --st", ["orch", "ls"], "--st", "--st"],
    ["orch 'a b' \"c d\"", ["orch", "a b"], "c d", '"c d"'],
    ["orch 'a b' \"c d", ["orch", "a b"], "c d", '"c d'],
    ["orch a\\ b c\\", ["orch", "a b"], "c\\", "c\\"],
    ['orch "a\\"b\\n" x', ["orch", 'a"b\\n'], "x", "x"],
    ["orch '' x", ["orch", ""], "x", "x"],
    ["", [], "", ""],
  ])("%j has the words %j, then %j", (line, before, current, raw) => {
    expect(splitShellLine(line)).toEqual({ before, current, raw });
  });

  it.each([
    ["a", ""],
    ["'a", "'"],
    ['"a', '"'],
    ["'a'", ""],
    ["\"it's", '"'],
    ["\\'a", ""],
  ] as const)("%j leaves %j open", (text, quote) => expect(openQuote(text)).toBe(quote));

  it.each([
    ["running", "ru", "ru", "running"],
    ["--state=running", "--state=ru", "ru", "running"],
    ["oil on canvas", "oi", "oi", "oil\\ on\\ canvas"],
    ["oil on canvas", '"oi', "oi", "oil on canvas"],
    ["ink:black", "ink:b", "b", "black"],
    ["l'art", "'l", "l", "l'\\''art"],
    ['a "b" $c', '"a', "a", 'a \\"b\\" \\$c'],
    ["~x", "", "", "\\~x"],
    ["--a=b c", "--a=", "", "b\\ c"],
  ])("%j for %j, of which %j is replaced, is put in as %j", (value, raw, replaced, expected) => {
    expect(replacementOf(value, raw, replaced)).toBe(expected);
  });
});
