import { describe, expect, it } from "vitest";
import { createRng } from "../../src/std/rng.ts";
import {
  createFrameReader,
  decodeExit,
  decodeHello,
  decodeNotice,
  decodeResize,
  encodeExit,
  encodeFrame,
  encodeJson,
  encodeResize,
  FRAME_MAX_BYTES,
  frameKinds,
} from "../../src/std/terminal-frames.ts";

const payloadOf = (frame: Buffer): Buffer =>
  createFrameReader().push(frame)[0]?.payload ?? Buffer.from("none");

describe("frames", () => {
  it("come out as they went in, wherever the stream is cut", () => {
    const rng = createRng(7);
    for (let round = 0; round < 200; round++) {
      const sent = Array.from({ length: 1 + rng.below(5) }, () => ({
        kind: rng.pick([frameKinds.input, frameKinds.output, frameKinds.detach]),
        payload: Buffer.alloc(rng.below(300), rng.below(256)),
      }));
      const stream = Buffer.concat(sent.map(({ kind, payload }) => encodeFrame(kind, payload)));
      const reader = createFrameReader();
      const got = [];
      for (let at = 0; at < stream.length; ) {
        const size = 1 + rng.below(40);
        got.push(...reader.push(stream.subarray(at, at + size)));
        at += size;
      }
      expect(got).toEqual(sent);
    }
  });

  it("of the largest size pass, a longer one is refused before it is gathered", () => {
    const largest = encodeFrame(frameKinds.output, Buffer.alloc(FRAME_MAX_BYTES));
    expect(payloadOf(largest)).toHaveLength(FRAME_MAX_BYTES);
    const header = Buffer.from([16, 0xff, 0xff, 0xff, 0xff]);
    expect(() => createFrameReader().push(header)).toThrow("a frame of 4294967295 bytes");
  });
});

describe("what frames hold", () => {
  it("is read as it was written", () => {
    expect(decodeResize(payloadOf(encodeResize({ columns: 200, rows: 3 })))).toEqual({
      columns: 200,
      rows: 3,
    });
    expect(decodeExit(payloadOf(encodeExit(143)))).toBe(143);
    const hello = { size: { columns: 80, rows: 24 }, readOnly: true };
    expect(decodeHello(payloadOf(encodeJson(frameKinds.hello, hello)))).toEqual(hello);
    expect(decodeNotice(payloadOf(encodeJson(frameKinds.notice, { skippedBytes: 9 })))).toEqual({
      skippedBytes: 9,
    });
  });

  it.each([
    ["a size of nothing", () => decodeResize(payloadOf(encodeResize({ columns: 0, rows: 24 })))],
    [
      "a size beyond all terminals",
      () => decodeResize(payloadOf(encodeResize({ columns: 80, rows: 10_001 }))),
    ],
    ["a size cut short", () => decodeResize(Buffer.from([0, 80]))],
    ["a hello that is no JSON", () => decodeHello(Buffer.from("{"))],
    ["a hello that says nothing", () => decodeHello(Buffer.from("null"))],
    ["a hello without its rights", () => decodeHello(Buffer.from('{"size":null}'))],
    ["a notice of words", () => decodeNotice(Buffer.from('{"skippedBytes":"many"}'))],
  ])("%s is none", (_what, decode) => expect(decode()).toBeNull());

  it("a viewer without a terminal, or with an odd one, has no size", () => {
    expect(decodeHello(Buffer.from('{"size":null,"readOnly":false}'))).toEqual({
      size: null,
      readOnly: false,
    });
    const odd = Buffer.from('{"size":{"columns":-1,"rows":"x"},"readOnly":false}');
    expect(decodeHello(odd)?.size).toBeNull();
  });
});
