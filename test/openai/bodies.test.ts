import { describe, expect, it } from "vitest";
import { findFields, withModel } from "../../src/gateway/forward/find-fields.ts";
import { createPartFinder, type ModelPart } from "../../src/gateway/forward/find-part.ts";
import { createEventSplitter } from "../../src/gateway/forward/split-events.ts";
import { createRng } from "../../src/std/rng.ts";

const { next: rng, pick } = createRng(7);

/** A JSON value with whatever makes a scanner stumble. */
function anyValue(depth: number): unknown {
  const texts = ['"', "\\", "}", '{"model":"x"}', "ü", "\n", "a\\", "", "\u2028", '\\"'];
  const scalars = [0, -1.5e-7, true, false, null, pick(texts), texts.join("")];
  if (depth === 0 || rng() < 0.4) return pick(scalars);
  const items = Array.from({ length: Math.floor(rng() * 4) }, () => anyValue(depth - 1));
  return rng() < 0.5 ? items : Object.fromEntries(items.map((item, at) => [pick(texts) + at, item]));
}

/** The bytes in pieces, cut anywhere. */
function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + Math.floor(rng() * 40);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

describe("the fields of a JSON body", () => {
  it("are those that JSON.parse finds, and only the model's bytes change", () => {
    for (let count = 0; count < 2_000; count += 1) {
      const model = pick(["one", 'a"b', "ünï", "\\"]);
      const entries = [
        ["model", model],
        ["stream", rng() < 0.5],
        ["messages", anyValue(4)],
        ["nested", { model: "inner", stream: true }],
      ].toSorted(() => rng() - 0.5);
      const value = Object.fromEntries(entries) as Record<string, unknown>;
      const body = Buffer.from(JSON.stringify(value, null, pick([0, 2, "\t"])));
      const found = findFields(body);
      expect(found).toMatchObject({ model, stream: value["stream"] });
      const changed = withModel(body, found, 'new"');
      expect(JSON.parse(changed.toString())).toEqual({ ...value, model: 'new"' });
      expect(withModel(changed, findFields(changed), model)).toEqual(
        Buffer.concat([
          body.subarray(0, found.modelAt?.start),
          Buffer.from(JSON.stringify(model)),
          body.subarray(found.modelAt?.end),
        ]),
      );
    }
  });

  it.each([
    "",
    "[]",
    "{",
    '{"model"',
    '{"model":',
    '{"model":}',
    '{"model":"x',
    '{"a":[}',
    '{"a":1,"model":"x"',
    '{model:"x"}',
    '{"model":"x","\\u006dodel":"y"}',
    '{"model":["x"]}',
    '{"model":"x" "a":1}',
    "\ufeff{}",
  ])("are not looked for in %j", (text) => {
    expect(() => findFields(Buffer.from(text))).toThrow("the body of the request is not valid");
  });

  it("are found at once in a body of many MiB", () => {
    const body = Buffer.from(
      JSON.stringify({ messages: [{ content: "x".repeat(30 * 2 ** 20) }], model: "one" }),
    );
    const startMs = performance.now();
    expect(findFields(body).model).toBe("one");
    expect(performance.now() - startMs).toBeLessThan(200);
  });
});

describe("the model in a form", () => {
  it("is found wherever it stands and however the form is cut", () => {
    for (let count = 0; count < 500; count += 1) {
      const boundary = pick(["b", "----x'()+_,-./:=?", "aa"]);
      const noise = pick([
        "",
        "\r\n",
        "\r\n--",
        `\r\n--${boundary.slice(0, -1)}`,
        "--",
        'name="model"\r\n\r\nz',
      ]);
      const file = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\n${noise.repeat(9)}\r\n`;
      const field = `--${boundary}\r\ncontent-disposition: form-data; name="model"\r\n\r\n`;
      const model = pick(["one", "vendor/two:latest", "ünï"]);
      const before = pick(["", file]);
      const form = `${before}${field}${model}\r\n${file}--${boundary}--\r\n`;
      const finder = createPartFinder(`multipart/form-data; boundary="${boundary}"`);
      let found: ModelPart | null = null;
      for (const piece of cut(Buffer.from(form))) found ??= finder.take(piece);
      const start = Buffer.byteLength(before + field);
      expect(found).toEqual({ model, start, end: start + Buffer.byteLength(model) });
    }
  });

  it("is refused where there is no form, and where it is no name", () => {
    expect(() => createPartFinder("application/json")).toThrow("no form with files");
    expect(() => createPartFinder("multipart/form-data")).toThrow("no form with files");
    const finder = createPartFinder("multipart/form-data; boundary=b");
    const endless = Buffer.from(
      `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n${"x".repeat(2_000)}`,
    );
    expect(() => finder.take(endless)).toThrow("not valid");
  });
});

describe("events in pieces", () => {
  it("come out whole, whatever ends their lines", () => {
    for (const end of ["\n", "\r\n"]) {
      const text = [
        "data: ünï",
        "",
        ": ping",
        "",
        "event: x",
        "data: a",
        "data: b",
        "",
        "data:[DONE]",
        "",
        "",
      ];
      const splitter = createEventSplitter();
      expect(cut(Buffer.from(text.join(end))).flatMap((piece) => splitter.take(piece))).toEqual([
        "ünï",
        "a\nb",
        "[DONE]",
      ]);
    }
  });
});
