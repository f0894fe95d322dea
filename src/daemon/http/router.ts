import type { z } from "zod";
import type { Context } from "../../operations/context.ts";
import type { Operation, Route } from "../../protocol/operation.ts";
import { Failure } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";

export type AnyOperation = Operation<Context, Route, z.ZodType, z.ZodType>;

/** A route that fits a request, with what stands for its `:names`. */
export interface Match {
  readonly operation: AnyOperation;
  readonly inPath: Readonly<Record<string, string>>;
}

const PREFIX = "/api/v1";

/** Finds operations by method and path. Plain paths win over ones with names in them. */
export function createRouter(operations: readonly AnyOperation[]): (method: string, path: string) => Match {
  const plain = new Map<string, AnyOperation>();
  const named: { method: string; parts: string[]; operation: AnyOperation }[] = [];
  for (const operation of operations) {
    const [method = "", path = ""] = operation.route.split(" ");
    if (path.includes(":")) named.push({ method, parts: path.split("/"), operation });
    else plain.set(operation.route, operation);
  }
  return (method, path) => {
    const inner = path.startsWith(`${PREFIX}/`) ? path.slice(PREFIX.length) : "";
    const direct = plain.get(`${method} ${inner}`);
    if (direct) return { operation: direct, inPath: {} };
    const parts = inner.split("/");
    for (const candidate of named) {
      const inPath = candidate.method === method ? matchParts(candidate.parts, parts) : null;
      if (inPath) return { operation: candidate.operation, inPath };
    }
    throw unknownRoute(method, path, operations);
  };
}

function matchParts(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (pattern.length !== parts.length) return null;
  const inPath: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index] ?? "";
    if (wanted.startsWith(":")) inPath[wanted.slice(1)] = decode(part);
    else if (wanted !== part) return null;
  }
  return inPath;
}

/** Decoded once; what cannot be decoded is taken as it is and found by nobody. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function unknownRoute(method: string, path: string, operations: readonly AnyOperation[]): Failure {
  const routes = operations.map(({ route }) => route.replace(" /", ` ${PREFIX}/`));
  const near = suggest(`${method} ${path}`, routes);
  return new Failure("request/unknown-route", `there is no ${method} ${path}`, {
    why: near === undefined ? undefined : `did you mean ${near}?`,
    hint: `GET ${PREFIX}/openapi.json lists them`,
  });
}
