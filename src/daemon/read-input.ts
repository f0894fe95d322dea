import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { Failure } from "../std/failure.ts";
import type { Match } from "./router.ts";

/**
 * The checked input of a request: path, query and JSON body in one object.
 * @throws Failure request/malformed, request/too-large
 */
export async function readInput(request: IncomingMessage, query: string, match: Match): Promise<unknown> {
  const { operation, inPath } = match;
  const given =
    request.method === "GET" ? parseQuery(query) : await readBody(request, operation.maxBodyBytes);
  const parsed = operation.input.safeParse({ ...given, ...inPath });
  if (parsed.success) return parsed.data;
  throw malformed(parsed.error);
}

function malformed(error: z.ZodError): Failure {
  const [issue] = error.issues;
  const where = issue?.path.join(".") ?? "";
  const what = where === "" ? "the request" : `"${where}" of the request`;
  return new Failure("request/malformed", `${what} is not valid: ${issue?.message ?? "unknown"}`, {
    hint: "GET /api/v1/openapi.json describes every request",
  });
}

function parseQuery(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
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

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Failure("request/malformed", "the body of the request is not JSON in UTF-8", {
      why: error instanceof Error ? error.message : undefined,
    });
  }
}
