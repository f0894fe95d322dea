import { createRng, type Rng } from "../../src/std/rng.ts";

// Requests as a client of ours would send them, made from the schemas that the daemon itself publishes, and then spoilt.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What of JSON Schema the daemon's document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly format?: string;
}

interface Described {
  readonly parameters?: readonly { name: string; in: "path" | "query"; required: boolean; schema: Schema }[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
  readonly requestBody?: { readonly content: { readonly "application/json"?: { readonly schema: Schema } } };
}

/** The daemon's own description of what it takes. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
}

/** One request that HTTP itself takes, whatever is in it. */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** How often it was spoilt; 0 = as a client would send it. */
  readonly flaws: number;
  /** The answer may be one that never ends, or never begins. */
  readonly isStream: boolean;
}

/** Ends the daemon, which is not what is looked for. */
const LEFT_OUT = new Set(["/api/v1/shutdown"]);

/** @param words names that mean something to this daemon */
export function createFuzz(
  document: ApiDocument,
  words: readonly string[],
  seed: number,
): (index: number) => FuzzRequest {
  const operations = Object.entries(document.paths)
    .filter(([path]) => !LEFT_OUT.has(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, what]) => ({ path, method: method.toUpperCase(), what })),
    );
  return (index) => {
    const rng = createRng(seed * 1_000_003 + index);
    const { path, method, what } = rng.pick(operations);
    const flaws = rng.pick([0, 1, 1, 1, 2, 3, 5]);
    const inputs = what.parameters ?? [];
    const given = inputs.filter((input) => input.in === "path" || input.required || rng.chance(0.3));
    const values: { [key: string]: Json } = {};
    for (const { name, schema } of given) values[name] = sound(rng, schema, words, 0);
    const body = what.requestBody?.content["application/json"]?.schema;
    const whole = { values, body: body === undefined ? null : sound(rng, body, words, 0) };
    for (let flaw = 0; flaw < flaws; flaw++) spoil(rng, rng.chance(0.75) ? whole.body : whole.values, whole);
    const text = body === undefined ? Buffer.alloc(0) : write(rng, whole.body, flaws);
    return {
      method: flaws > 1 && rng.chance(0.05) ? rng.pick(["GET", "POST", "PUT", "DELETE", "PATCH"]) : method,
      path: fill(path, inputs, whole.values),
      headers: headersOf(rng, flaws),
      body: text,
      flaws,
      isStream: what.responses["200"]?.content?.["application/x-ndjson"] !== undefined,
    };
  };
}

/** A value that the schema takes, mostly. */
function sound(rng: Rng, schema: Schema, words: readonly string[], depth: number): Json {
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) return sound(rng, rng.pick(variants), words, depth);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return rng.pick(schema.enum);
  switch (schema.type) {
    case "object":
      return soundObject(rng, schema, words, depth + 1);
    case "array": {
      const count = Math.max(schema.minItems ?? 0, rng.below(depth > 4 ? 1 : 3));
      return Array.from({ length: count }, () => sound(rng, schema.items ?? {}, words, depth + 1));
    }
    case "string":
      return schema.format === "date-time" ? "2031-05-06T07:08:09Z" : rng.pick(words);
    case "integer":
    case "number":
      return (schema.minimum ?? (schema.exclusiveMinimum ?? 0) + 1) + rng.pick([0, 0, 1, 2, 7, 60_000]);
    case "boolean":
      return rng.chance(0.5);
    case "null":
      return null;
    default: // Any JSON.
      return rng.pick<Json>([null, 7, "x", [1, [2]], { a: { b: [] } }]);
  }
}

function soundObject(rng: Rng, schema: Schema, words: readonly string[], depth: number): Json {
  const made: { [key: string]: Json } = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    // Held, so that what comes through costs no program.
    if (name === "hold") made[name] = true;
    else if (name === "options" || schema.required?.includes(name) === true || rng.chance(0.2))
      made[name] = sound(rng, property, words, depth);
  }
  if (typeof schema.additionalProperties === "object" && rng.chance(0.5))
    made[rng.pick(words)] = sound(rng, schema.additionalProperties, words, depth);
  return made;
}

const deep = (depth: number): Json => JSON.parse("[".repeat(depth) + "]".repeat(depth)) as Json;

/** Values that nobody means. */
const odd: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => [],
  () => ({}),
  () => "",
  () => "\0",
  () => "\ud800",
  () => "../../../etc/passwd",
  () => "%2e%2e%2f%00",
  () => "__proto__",
  () => "‮\u{1f469}‍\u{1f680}\t\r\n\u001b[2J",
  () => "x".repeat(70_000),
  () => "9".repeat(400),
  () => "{index}{index:",
  () => "0-99999999999%0",
  () => "2026-02-30T25:61:00Z",
  () => "*/0 99 * * 8",
  () => "-1",
  () => -1,
  () => 0,
  () => -0.5,
  () => 1e-320,
  () => 1e308,
  () => 2 ** 53,
  () => -(2 ** 63),
  () => deep(90),
  () => deep(3_000),
  () => Array.from({ length: 3_000 }, (_, index) => index),
  () => Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, index])),
];

/** Changes one place, chosen by chance, in `target`; a body that is no container is put in its place itself. */
function spoil(rng: Rng, target: Json, whole: { body: Json }): void {
  if (target === null || typeof target !== "object") {
    whole.body = rng.pick(odd)();
    return;
  }
  let place = target;
  for (;;) {
    const keys = Object.keys(place);
    const key = keys.length === 0 ? "0" : rng.pick(keys);
    const inner = (place as { [key: string]: Json })[key];
    if (inner !== null && typeof inner === "object" && rng.chance(0.7)) {
      place = inner;
      continue;
    }
    return change(rng, place as { [key: string]: Json }, key);
  }
}

function change(rng: Rng, place: { [key: string]: Json }, key: string): void {
  const act = Array.isArray(place) ? rng.below(7) : rng.below(10);
  if (act < 6) place[key] = rng.pick(odd)();
  else if (act === 6) delete place[key];
  else if (act === 7) place[rng.pick(["unknown", "toString", "constructor", "", "\0"])] = rng.pick(odd)();
  else if (act === 8)
    Object.defineProperty(place, "__proto__", {
      value: { admin: true },
      enumerable: true,
      writable: true,
      configurable: true,
    });
  else place[key] = [place[key] ?? null];
}

/** The body as bytes, now and then with a flaw that no JSON has. */
function write(rng: Rng, body: Json, flaws: number): Buffer {
  const text = JSON.stringify(body);
  if (flaws < 2 || rng.chance(0.7)) return Buffer.from(text);
  const bytes = Buffer.from(text);
  const acts: (() => Buffer)[] = [
    () => bytes.subarray(0, rng.below(bytes.length)),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    () => Buffer.concat([bytes, bytes]),
    () => Buffer.from(text.replace("{", `{"options":{},"options":null,`)),
    () => Buffer.from(text.replace(/:\d+/, () => `:${rng.pick(["NaN", "1e999", "01", "-", "0x10", "'1'"])}`)),
    () => {
      for (let times = 0; times < 4; times++) bytes[rng.below(bytes.length)] = rng.below(256);
      return bytes;
    },
  ];
  return rng.pick(acts)();
}

function fill(
  path: string,
  inputs: readonly { name: string; in: "path" | "query" }[],
  values: { [key: string]: Json },
): string {
  const inPath = new Set(inputs.filter((input) => input.in === "path").map(({ name }) => name));
  const encode = (value: Json | undefined): string =>
    encodeURIComponent(
      (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).replaceAll("\ud800", ""),
    ).slice(0, 8_000);
  const plain = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode(values[name]));
  const query = Object.entries(values)
    .filter(([name]) => !inPath.has(name))
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? Array.from(value).slice(0, 50) : [value]).map(
        (each) => `${encode(name)}=${encode(each)}`,
      ),
    );
  return `${plain}${query.length === 0 ? "" : `?${query.join("&")}`}`.slice(0, 12_000);
}

function headersOf(rng: Rng, flaws: number): Record<string, string> {
  const headers: Record<string, string> = { host: "orch", "content-type": "application/json" };
  if (flaws < 2 || rng.chance(0.8)) return headers;
  const more: Record<string, string>[] = [
    { "content-type": "text/plain" },
    { "content-type": "multipart/form-data; boundary=x" },
    { host: "evil.example", origin: "http://evil.example" },
    { "content-encoding": "gzip" },
    { "x-many": "y".repeat(6_000) },
    { accept: "text/html", cookie: "a=b; ".repeat(200) },
  ];
  return { ...headers, ...rng.pick(more) };
}
