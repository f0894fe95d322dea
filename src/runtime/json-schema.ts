import type { Json } from "../std/json.ts";
import type { Param, Runtime } from "./runtime.ts";

/**
 * The params of a runtime as JSON Schema (draft 2020-12), for forms, editors and other languages. A `file` param
 * is a string, marked with `contentMediaType` when it takes a single type and always with `x-orch-type`.
 */
export function jsonSchemaOf(runtime: Runtime): { readonly [key: string]: Json } {
  const params = Object.entries(runtime.params);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: runtime.name,
    description: runtime.summary,
    type: "object",
    properties: Object.fromEntries(params.map(([name, param]) => [name, schemaOfParam(param)])),
    required: params.filter(([, param]) => param.required).map(([name]) => name),
    additionalProperties: false,
  };
}

function typeOf({ type }: Param): Json {
  if (type === "json") return ["object", "array"];
  return type === "file" ? "string" : type;
}

function schemaOfParam(param: Param): Json {
  const [onlyType, ...others] = param.accept;
  const isMime = onlyType !== undefined && others.length === 0 && /^[^.*]+\/[^*]+$/.test(onlyType);
  return {
    type: typeOf(param),
    ...(param.help === "" ? {} : { description: param.help }),
    ...(param.default === undefined ? {} : { default: param.default }),
    ...(param.min === undefined ? {} : { minimum: param.min }),
    ...(param.max === undefined ? {} : { maximum: param.max }),
    ...(param.multipleOf === undefined ? {} : { multipleOf: param.multipleOf }),
    ...(param.choices === undefined ? {} : { enum: [...param.choices] }),
    ...(param.type === "file" ? { "x-orch-type": "file", "x-orch-accept": [...param.accept] } : {}),
    ...(isMime ? { contentMediaType: onlyType } : {}),
    ...(param.load ? { "x-orch-load": true } : {}),
  };
}
