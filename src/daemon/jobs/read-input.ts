import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { Failure } from "../../std/failure.ts";
import { giveWay } from "../../std/give-way.ts";
import { type Piece, parseJson } from "../http/parse-json.ts";
import type { AnyOperation, Match } from "../http/router.ts";

/**
 * The checked input of a request: path, query and JSON body in one object.
 * @throws Failure request/malformed, request/too-large
 */
export async function readInput(request: IncomingMessage, query: string, match: Match): Promise<unknown> {
  const { operation, inPath } = match;
  const given =
    request.method === "GET" ? parseQuery(query) : await readBody(request, operation.maxBodyBytes);
  // A body was looked through while it was read.
  refuseOddity(request.method === "GET" ? { ...given, ...inPath } : inPath);
  return check(operation, { ...given, ...inPath });
}

/** As `readInput`, of what was not read from a body: it has been looked at as far as its form goes. */
export function checkInput(operation: AnyOperation, given: object): Promise<unknown> {
  refuseOddity(given as Readonly<Record<string, unknown>>);
  return check(operation, given as Readonly<Record<string, unknown>>);
}

/** Items of a long list that are checked at once: a millisecond. */
const ITEMS = 50;

/** Lists that may be long are checked some items at a time. @throws Failure request/malformed */
async function check(
  { input, many }: AnyOperation,
  given: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const list = many === undefined ? null : given[many.name];
  if (many === undefined || !Array.isArray(list) || list.length <= ITEMS) return accept(input, given);
  if (list.length > many.most)
    throw malformed([many.name], `Too big: expected array to have <=${many.most} items`);
  const head = accept(input, { ...given, [many.name]: list.slice(0, ITEMS) }) as Record<string, unknown[]>;
  const checked = head[many.name] ?? [];
  for (let index = ITEMS; index < list.length; index += 1) {
    if (index % ITEMS === 0) await giveWay();
    checked.push(accept(many.item, list[index], [many.name, index]));
  }
  return head;
}

function accept(schema: z.ZodType, given: unknown, path: readonly PropertyKey[] = []): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed([...path, ...(issue?.path ?? [])], issue?.message ?? "unknown");
}

/** Deep enough for any real parameter, and far below where checking and storing would run out of stack. */
const MAX_DEPTH = 64;
const SHOWN_DEPTH = 4;

function refuseOddity(input: Readonly<Record<string, unknown>>): void {
  lookAt({ value: input, depth: 0, path: () => [], first: 0 });
}

/** @throws Failure request/malformed */
function lookAt({ value, depth, path, first }: Piece): void {
  const oddity = findOddity(value, depth);
  if (oddity === undefined) return;
  const [index, ...rest] = oddity.path;
  const within =
    Array.isArray(value) && index !== undefined ? [String(first + Number(index)), ...rest] : oddity.path;
  throw malformed([...path(), ...within].slice(0, SHOWN_DEPTH), oddity.message);
}

interface Oddity {
  readonly path: string[];
  readonly message: string;
}

/** What no schema sees: text that no program can be given, a key that objects treat specially, bottomless nesting. */
function findOddity(value: unknown, depth: number): Oddity | undefined {
  if (typeof value === "string")
    return value.includes("\0") ? { path: [], message: "a text holds a NUL character" } : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > MAX_DEPTH) return { path: [], message: `it is nested deeper than ${MAX_DEPTH} levels` };
  for (const [key, item] of Object.entries(value)) {
    if (key === "__proto__" || key.includes("\0"))
      return { path: [], message: `a key cannot be ${JSON.stringify(key)}` };
    const oddity = findOddity(item, depth + 1);
    if (oddity !== undefined) return { ...oddity, path: [key, ...oddity.path] };
  }
  return undefined;
}

function malformed(path: readonly PropertyKey[], message: string): Failure {
  const where = path.map(String).join(".");
  const what = where === "" ? "the request" : `"${where}" of the request`;
  return new Failure("request/malformed", `${what} is not valid: ${message}`, {
    hint: "GET /api/v1/openapi.json describes every request",
  });
}

function parseQuery(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

/** The JSON object in the body of a request; empty without one. @throws Failure request/malformed, request/too-large */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
  // As long as it says that it is: to put it together at the end would take 50 ms.
  const declared = Math.min(maxBytes, Number(request.headers["content-length"] ?? 0));
  let whole = Buffer.allocUnsafe(declared);
  let bytes = 0;
  for await (const chunk of piecesOf(request)) {
    if (bytes + chunk.length > maxBytes) {
      throw new Failure("request/too-large", `the request is larger than ${maxBytes} bytes`, {
        hint: "give large inputs as files: params of type file take a path",
      });
    }
    if (bytes + chunk.length > whole.length) whole = Buffer.concat([whole.subarray(0, bytes), chunk, whole]);
    else chunk.copy(whole, bytes);
    bytes += chunk.length;
  }
  if (bytes === 0) return {};
  const body = await readJson(whole.subarray(0, bytes));
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw new Failure("request/malformed", "the body of the request is not a JSON object");
}

/** The pieces of a body. Who hangs up in its midst is nobody's bug. @throws Failure request/malformed */
async function* piecesOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request as AsyncIterable<Buffer>;
  } catch (error) {
    throw new Failure("request/malformed", "the request broke off", { cause: error });
  }
}

async function readJson(bytes: Buffer): Promise<unknown> {
  try {
    return await parseJson(bytes, MAX_DEPTH, lookAt);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure("request/malformed", "the body of the request is not JSON in UTF-8", {
      why: error.message,
    });
  }
}
