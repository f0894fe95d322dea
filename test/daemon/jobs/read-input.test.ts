import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { operation } from "../../../src/operations/operation.ts";
import { Count, Flag, JobId, List, Params } from "../../../src/protocol/inputs.ts";
import { type Served, send, serve } from "../serve.ts";

const Anything = z.any();
const echo = operation({
  route: "POST /echo/:job",
  summary: "gives back its input",
  who: "all",
  input: z.object({ job: JobId, text: z.string().optional(), params: Params.optional() }).strict(),
  output: Anything,
  run: async (_ctx, input) => input,
});
const look = operation({
  route: "GET /look",
  summary: "gives back its input",
  who: "all",
  input: z
    .object({
      flag: Flag.default(false),
      limit: Count.optional(),
      states: List(z.enum(["a", "b"])).optional(),
      name: z.string().optional(),
    })
    .strict(),
  output: Anything,
  run: async (_ctx, input) => input,
});
const large = operation({
  route: "POST /large",
  summary: "takes more",
  who: "all",
  input: z.object({ text: z.string() }).strict(),
  output: Anything,
  maxBodyBytes: 3 * 2 ** 20,
  run: async (_ctx, input) => ({ length: input.text.length }),
});

let served: Served;
beforeAll(async () => {
  served = await serve([echo, look, large]);
});
afterAll(() => served[Symbol.asyncDispose]());
const post = (body: string | Buffer, path = "/api/v1/echo/1") => send(served.socket, "POST", path, body);
const get = (query: string) => send(served.socket, "GET", `/api/v1/look${query}`);

describe("path and body", () => {
  test("become one input; no body is an empty one", async () => {
    expect((await post('{"text":"hé","params":{"a":[1,{"b":null}]}}', "/api/v1/echo/7")).json).toEqual({
      job: 7,
      text: "hé",
      params: { a: [1, { b: null }] },
    });
    expect((await post("", "/api/v1/echo/7")).json).toEqual({ job: 7 });
  });

  test("what the path says counts, whatever the body says", async () => {
    expect((await post('{"job":9}', "/api/v1/echo/7")).json).toEqual({ job: 7 });
  });

  const refused: Record<string, [string | Buffer, RegExp]> = {
    "no JSON": ["{", /not JSON in UTF-8/],
    "an array": ["[1]", /not a JSON object/],
    "a number": ["5", /not a JSON object/],
    null: ["null", /not a JSON object/],
    "invalid UTF-8": [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), /not JSON in UTF-8/],
    "a NUL character": ['{"text":"a\\u0000b"}', /"text" of the request is not valid: .*NUL/],
    "a NUL character deep inside": ['{"params":{"a":["x\\u0000"]}}', /"params\.a\.0" .*NUL/],
    "a NUL character in a key": ['{"params":{"a\\u0000":1}}', /"params" .*a key cannot be/],
    __proto__: ['{"__proto__":{"admin":true}}', /a key cannot be "__proto__"/],
    "__proto__ deep inside": ['{"params":{"__proto__":{"a":1}}}', /"params" .*"__proto__"/],
    "an unknown key, which it names": ['{"txt":"a"}', /Unrecognized key: "txt"/],
    "a value of the wrong type, which it names": ['{"text":5}', /"text" of the request is not valid/],
    "a number that is none": ['{"params":{"a":1e999}}', /"params\.a"/],
    "bottomless nesting": [
      `{"params":{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}}`,
      /deeper than 64 levels/,
    ],
    "bottomless objects": [
      `{"params":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`,
      /deeper than 64 levels/,
    ],
  };
  test.each(Object.entries(refused))("%s is refused [fault 48]", async (_what, [body, message]) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.code).toBe("request/malformed");
    expect((answer.json["error"] as { message: string }).message).toMatch(message);
    expect(served.logged, "nothing of it is a bug").toEqual([]);
  });

  test.each(["abc", "0", "-1", "1.5", "1e99", "%00", "%zz"])("a job id of %s is refused", async (id) => {
    expect((await post("{}", `/api/v1/echo/${id}`)).code).toBe("request/malformed");
  });
});

describe("a body that is too large", () => {
  test("is refused, however large, and the next request is served", async () => {
    for (const mebibytes of [1.01, 5, 30]) {
      const answer = await post(Buffer.alloc(Math.round(mebibytes * 2 ** 20), 0x20));
      expect(answer.status).toBe(413);
      expect(answer.code).toBe("request/too-large");
    }
    expect((await post("{}")).status).toBe(200);
  });

  test("is as large as the operation says", async () => {
    const text = "x".repeat(2 * 2 ** 20);
    expect((await post(JSON.stringify({ text }), "/api/v1/large")).json).toEqual({ length: text.length });
    expect((await post(JSON.stringify({ text: text + text }), "/api/v1/large")).status).toBe(413);
  });
});

describe("a query", () => {
  test("is read as flags, numbers and lists", async () => {
    expect((await get("?flag=true&limit=5&states=a,b&name=x%20y")).json).toEqual({
      flag: true,
      limit: 5,
      states: ["a", "b"],
      name: "x y",
    });
    expect((await get("")).json).toEqual({ flag: false });
    expect((await get("?states=&name=what?%26=")).json).toEqual({ flag: false, states: [], name: "what?&=" });
  });

  test.each([
    "?flag=maybe",
    "?limit=-1",
    "?limit=x",
    "?states=a,z",
    "?color=red",
    "?__proto__=1",
    "?name=%00",
  ])("%s is refused", async (query) => {
    const answer = await get(query);
    expect(answer.code).toBe("request/malformed");
  });
});

describe("a route that is not there", () => {
  test("is named, with what comes near", async () => {
    const answer = await send(served.socket, "GET", "/api/v1/lok");
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({
      error: {
        code: "request/unknown-route",
        message: "there is no GET /api/v1/lok",
        why: "did you mean GET /api/v1/look?",
      },
    });
  });

  test.each([
    ["GET", "/api/v1/echo/1"],
    ["POST", "/api/v1/look"],
    ["DELETE", "/api/v1/look"],
    ["GET", "/look"],
    ["GET", "/"],
    ["GET", "//api/v1/look"],
    ["GET", "/api/v1/look/"],
    ["POST", "/api/v1/echo/1/2"],
  ])("%s %s", async (method, path) => {
    expect((await send(served.socket, method, path)).code).toBe("request/unknown-route");
  });
});
