import { z } from "zod";
import type { Json } from "../std/json.ts";
import { suggest } from "../std/suggest.ts";
import { checkValue } from "./check-value.ts";
import { ParamValue } from "./param-value.ts";
import type { Problem } from "./read-yaml.ts";
import type { Param } from "./runtime.ts";
import type { RuntimeFields } from "./schema.ts";

/** Names as clients know models by: "gpt-4o", "qwen/qwen3-8b:latest". */
const aliasPattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;

const NamedAlias = z.strictObject({ name: z.string(), params: z.record(z.string(), ParamValue).default({}) });

/** A name alone, or one with the load params that it stands for. */
const AliasShape = z.preprocess((given) => (typeof given === "string" ? { name: given } : given), NamedAlias);

/** Other names by which requests may ask for the workers of a runtime. */
export const AliasesShape = z.array(AliasShape).max(64).default([]);

/** The keys of an alias that is a map. */
export const aliasKeys = Object.keys(NamedAlias.shape);

/** Finds aliases that are named twice, and params of theirs that decide nothing about a worker. */
export function checkAliases(
  { aliases, name: own }: RuntimeFields,
  params: Readonly<Record<string, Param>>,
): Problem[] {
  return aliases.flatMap(({ name, params: given }, index): Problem[] => {
    const isTaken = name === own || aliases.findIndex((alias) => alias.name === name) < index;
    const why = isTaken
      ? `"${name}" is named twice`
      : aliasPattern.test(name)
        ? null
        : "must be letters, digits or . _ : / -, at most 128";
    const named: Problem[] = why === null ? [] : [{ path: ["aliases", index], at: "value", why }];
    const wrong = Object.entries(given).flatMap(([param, value]): Problem[] => {
      const why = whyNot(param, value, params);
      return why === null ? [] : [{ path: ["aliases", index, "params", param], at: "value", why }];
    });
    return [...named, ...wrong];
  });
}

function whyNot(name: string, value: Json, params: Readonly<Record<string, Param>>): string | null {
  const param = Object.hasOwn(params, name) ? params[name] : undefined;
  if (param === undefined) {
    const near = suggest(name, Object.keys(params));
    return `no param "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
  }
  if (!param.load) return `"${name}" is no load param: requests bring it along`;
  const checked = checkValue(param, value);
  return checked.ok ? null : checked.why;
}
