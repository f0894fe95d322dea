import { Failure } from "../../std/failure.ts";

/** What has to be known of a JSON body in order to send it on. */
export interface BodyFields {
  /** Null when there is none. */
  readonly model: string | null;
  /** Bytes of the model's value, quotes included. */
  readonly modelAt: { readonly start: number; readonly end: number } | null;
  readonly stream: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Finds `model` and `stream` at the top of a JSON object without parsing the rest, which may be many MiB of pictures. What is
 * wrong further inside is for the server to say.
 * @throws Failure request/malformed
 */
export function findFields(body: Buffer): BodyFields {
  let fields: BodyFields = { model: null, modelAt: null, stream: false };
  let at = skipSpace(body, 0);
  if (body[at] !== OPEN_BRACE) throw malformed();
  at = skipSpace(body, at + 1);
  while (body[at] !== CLOSE_BRACE) {
    const keyEnd = endOfString(body, at);
    const colon = skipSpace(body, keyEnd);
    if (body[colon] !== COLON) throw malformed();
    const start = skipSpace(body, colon + 1);
    const end = endOfValue(body, start);
    fields = take(fields, textAt(body, at, keyEnd), { body, start, end });
    at = skipSpace(body, end);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
    else if (body[at] !== CLOSE_BRACE) throw malformed();
  }
  return fields;
}

/** The body with another name for the model; every other byte stays. */
export function withModel(body: Buffer, { modelAt }: BodyFields, model: string): Buffer {
  if (modelAt === null) return body;
  return Buffer.concat([
    body.subarray(0, modelAt.start),
    Buffer.from(JSON.stringify(model)),
    body.subarray(modelAt.end),
  ]);
}

interface Value {
  readonly body: Buffer;
  readonly start: number;
  readonly end: number;
}

function take(fields: BodyFields, key: string | null, { body, start, end }: Value): BodyFields {
  if (key === "stream") return { ...fields, stream: body.toString("latin1", start, end) === "true" };
  if (key !== "model") return fields;
  // Which of two the server would take is its own affair: nobody is to be let in for one and served the other.
  if (fields.modelAt !== null) throw malformed("it names two models");
  const model = body[start] === QUOTE ? textAt(body, start, end) : null;
  if (model === null) throw malformed("model is not a text");
  return { ...fields, model, modelAt: { start, end } };
}

/** Texts longer than that are no names. */
const LONGEST_NAME = 1_024;

function textAt(body: Buffer, start: number, end: number): string | null {
  if (end - start > LONGEST_NAME) return null;
  try {
    return JSON.parse(body.toString("utf8", start, end)) as string;
  } catch {
    throw malformed();
  }
}

function skipSpace(body: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = body[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

/** @returns behind the quote that ends it */
function endOfString(body: Buffer, from: number): number {
  if (body[from] !== QUOTE) throw malformed();
  let at = from;
  for (;;) {
    at = body.indexOf(QUOTE, at + 1);
    if (at < 0) throw malformed();
    let before = at - 1;
    while (before > from && body[before] === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at + 1;
  }
}

function endOfValue(body: Buffer, from: number): number {
  const first = body[from];
  if (first === QUOTE) return endOfString(body, from);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfScalar(body, from);
  let depth = 0;
  for (let at = from; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    if (depth === 0) return at + 1;
  }
  throw malformed();
}

function endOfScalar(body: Buffer, from: number): number {
  let at = from;
  while (at < body.length && /[\w.+-]/.test(String.fromCharCode(body[at] ?? 0))) at += 1;
  if (at === from) throw malformed();
  return at;
}

function malformed(why = "it is not a JSON object"): Failure {
  return new Failure("request/malformed", "the body of the request is not valid", { why });
}
