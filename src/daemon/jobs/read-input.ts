import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";
import type { Match } from "../http/router.ts";

/**
 * The checked input of a request: path, query and JSON body in one object.
 * @throws Failure request/malformed, request/too-large
 */
export async function readInput(request: IncomingMessage, query: string, match: Match): Promise<unknown> {
  const { operation, inPath } = match;
  const given =
    request.method === "GET" ? parseQuery(query) : await readBody(request, operation.maxBodyBytes);
  const input = { ...given, ...inPath };
  refuseOddity(input);
  const parsed = operation.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(issue?.path ?? [], issue?.message ?? "unknown");
}

/** Deep enough for any real parameter, and far below where checking and storing would run out of stack. */
const MAX_DEPTH = 64;
const SHOWN_DEPTH = 4;

function refuseOddity(input: Readonly<Record<string, unknown>>): void {
  const oddity = findOddity(input, 0);
  if (oddity !== undefined) throw malformed(oddity.path.slice(0, SHOWN_DEPTH), oddity.message);
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

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of piecesOf(request)) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new Failure("request/too-large", `the request is larger than ${maxBytes} bytes`, {
        hint: "give large inputs as files: params of type file take a path",
      });
    }
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  const body = parseJson(Buffer.concat(chunks));
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

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Failure("request/malformed", "the body of the request is not JSON in UTF-8", {
      why: error instanceof Error ? error.message : undefined,
    });
  }
}
