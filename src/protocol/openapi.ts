import { z } from "zod";
import { assert } from "../std/assert.ts";
import { failureTable } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { Operation, Route } from "./operation.ts";

type AnyOperation = Pick<
  Operation<never, Route, z.ZodType, z.ZodType>,
  "route" | "summary" | "input" | "output" | "stream" | "takes" | "answers"
>;
type JsonObject = { [key: string]: Json };

/** The OpenAPI 3.1 document of these operations, from the schemas that check every request. */
export function describeApi(operations: readonly AnyOperation[], version: string): JsonObject {
  const paths: { [path: string]: JsonObject } = {};
  const schemas: JsonObject = { Error: errorSchema(), Problem: problemSchema() };
  for (const operation of operations) {
    const [method, path] = operation.route.split(" ") as ["GET" | "POST", string];
    const shown = `/api/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`;
    paths[shown] = { ...paths[shown], [method.toLowerCase()]: describe(operation, method, path, schemas) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "orch", version, description: "Streams are NDJSON: one JSON document per line." },
    paths,
    components: { schemas },
  };
}

/** The socket answers with the one, the gateway with the other. */
const FAILURE: JsonObject = {
  "application/json": { schema: { $ref: "#/components/schemas/Error" } },
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
};

const FILE: JsonObject = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };

function describe(
  operation: AnyOperation,
  method: "GET" | "POST",
  path: string,
  schemas: JsonObject,
): JsonObject {
  const input = toJsonSchema(operation.input, "input", schemas);
  const properties = (input["properties"] ?? {}) as JsonObject;
  const required = (input["required"] ?? []) as string[];
  const inPath = [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? "");
  const others = Object.keys(properties).filter((name) => !inPath.includes(name));
  const parameters = [
    ...inPath.map((name) => ({ name, in: "path", required: true, schema: properties[name] ?? {} })),
    ...(method === "GET" ? others : []).map((name) => ({
      name,
      in: "query",
      required: required.includes(name),
      schema: properties[name] ?? {},
    })),
  ];
  const needed = others.filter((name) => required.includes(name));
  const body = {
    type: "object",
    properties: Object.fromEntries(others.map((name) => [name, properties[name] ?? {}])),
    required: needed,
    additionalProperties: false,
  };
  const mediaType = operation.stream ? "application/x-ndjson" : "application/json";
  const answer =
    operation.answers === "file"
      ? FILE
      : { [mediaType]: { schema: toJsonSchema(operation.output, "output", schemas) } };
  const content = operation.takes === "file" ? FILE : { "application/json": { schema: body } };
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: operation.summary,
    parameters,
    ...(method === "POST" ? { requestBody: { required: needed.length > 0, content } } : {}),
    responses: {
      200: { description: operation.stream ? "a stream of lines" : "done", content: answer },
      default: { description: "a failure: what, why, and what to try", content: FAILURE },
    },
  };
}

/** What a schema refers to moves to `schemas`: references are meant from the root of the document. */
function toJsonSchema(schema: z.ZodType, io: "input" | "output", schemas: JsonObject): JsonObject {
  const made = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema: _, $defs = {}, ...rest } = JSON.parse(text) as JsonObject & { $defs?: JsonObject };
  for (const [name, definition] of Object.entries($defs)) {
    const known = schemas[name] ?? definition;
    assert(JSON.stringify(known) === JSON.stringify(definition), `two schemas are called ${name}`);
    schemas[name] = definition;
  }
  return rest;
}

function errorSchema(): JsonObject {
  const text = { type: "string" };
  return {
    type: "object",
    required: ["error"],
    properties: {
      error: {
        type: "object",
        required: ["code", "message"],
        properties: {
          code: { type: "string", enum: Object.keys(failureTable) },
          message: text,
          why: text,
          hint: text,
        },
      },
    },
  };
}

/** As RFC 9457 has it. */
function problemSchema(): JsonObject {
  const text = { type: "string" };
  return {
    type: "object",
    required: ["type", "title", "status", "code"],
    properties: {
      ...{ type: text, title: text, status: { type: "integer" }, detail: text, hint: text },
      code: { type: "string", enum: Object.keys(failureTable) },
    },
  };
}
