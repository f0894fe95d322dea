import { describe, expect, it } from "vitest";
import { isJsonPointer, readPointer, stepsOf } from "../../src/std/json-pointer.ts";

describe("a JSON pointer", () => {
  // The document and the pointers of RFC 6901, section 5.
  const document = {
    foo: ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
  };
  it.each([
    ["", document],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/e^f", 3],
    ["/g|h", 4],
    ["/i\\j", 5],
    ['/k"l', 6],
    ["/ ", 7],
    ["/m~0n", 8],
  ])("%j leads to what the RFC says", (pointer, expected) => {
    expect(isJsonPointer(pointer)).toBe(true);
    expect(readPointer(document, pointer)).toEqual(expected);
  });

  it.each(["/foo/2", "/foo/-", "/foo/01", "/foo/0/length", "/none", "/toString", "/foo/length"])(
    "%j leads nowhere",
    (pointer) => expect(readPointer(document, pointer)).toBeUndefined(),
  );

  it.each(["foo", "/~", "/~2", "/a~", "#/foo"])("%j is none", (text) =>
    expect(isJsonPointer(text)).toBe(false),
  );

  it("unescapes in the right order", () => expect(stepsOf("/~01/~10")).toEqual(["~1", "/0"]));
});
