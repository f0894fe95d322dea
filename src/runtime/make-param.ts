import { checkValue } from "./check-value.ts";
import { show } from "./explain-issue.ts";
import { isAcceptEntry } from "./file-types.ts";
import type { Problem } from "./read-yaml.ts";
import type { Param } from "./runtime.ts";
import type { ParamFields } from "./schema.ts";

/** Makes a declared param out of its keys, and says what of it contradicts itself. */
export function makeParam(name: string, fields: ParamFields): { param: Param; problems: Problem[] } {
  const param: Param = {
    type: fields.type,
    required: fields.required,
    default: fields.default,
    help: fields.help,
    load: fields.load,
    min: fields.min,
    max: fields.max,
    multipleOf: fields.multipleOf,
    choices: fields.choices,
    accept: fields.accept,
  };
  const found = [
    ...checkLoad(param),
    ...checkBounds(param),
    ...checkChoices(param),
    ...checkAccept(param),
    ...checkDefault(param),
  ];
  return {
    param,
    problems: found.map((problem) => ({ ...problem, path: ["params", name, ...problem.path] })),
  };
}

/** A lane is told from others by its load params, at a glance. */
function checkLoad({ type, load }: Param): Problem[] {
  if (type !== "json" || !load) return [];
  return [{ path: ["load"], at: "value", why: "a json param cannot be known when the worker starts" }];
}

function checkBounds(param: Param): Problem[] {
  const isNumeric = param.type === "integer" || param.type === "number";
  const bounds = ["min", "max", "multipleOf"] as const;
  if (!isNumeric) {
    return bounds
      .filter((key) => param[key] !== undefined)
      .map((key) => ({ path: [key], at: "key", why: `is for integer and number, not for ${param.type}` }));
  }
  const { min, max, multipleOf } = param;
  if (min !== undefined && max !== undefined && min > max) {
    return [{ path: ["min"], at: "value", why: `${min} is more than max, ${max}` }];
  }
  if (param.type === "integer" && multipleOf !== undefined && !Number.isInteger(multipleOf)) {
    return [
      { path: ["multipleOf"], at: "value", why: `must be a whole number for an integer, not ${multipleOf}` },
    ];
  }
  return [];
}

function checkChoices(param: Param): Problem[] {
  if (param.choices === undefined) return [];
  if (param.type === "boolean" || param.type === "file" || param.type === "json") {
    return [{ path: ["choices"], at: "key", why: `is for text and numbers, not for ${param.type}` }];
  }
  return param.choices.flatMap((choice, index): Problem[] => {
    const checked = checkValue({ ...param, choices: undefined }, choice);
    const isSame = checked.ok && checked.value === choice;
    if (isSame) return [];
    const why = checked.ok ? `must be ${param.type}` : checked.why;
    return [{ path: ["choices", index], at: "value", why: `${show(choice)} does not fit: ${why}` }];
  });
}

function checkAccept(param: Param): Problem[] {
  if (param.accept.length > 0 && param.type !== "file") {
    return [{ path: ["accept"], at: "key", why: `is for file, not for ${param.type}` }];
  }
  return param.accept.flatMap((entry, index): Problem[] => {
    if (isAcceptEntry(entry)) return [];
    const why = `${show(entry)} is neither a MIME type like image/png nor an extension like .png`;
    return [{ path: ["accept", index], at: "value", why }];
  });
}

function checkDefault(param: Param): Problem[] {
  if (param.default === undefined) return [];
  if (param.required) {
    return [
      {
        path: ["required"],
        at: "value",
        why: "a param with a default is never missing; drop one of the two",
      },
    ];
  }
  if (param.type === "file") {
    return [
      { path: ["default"], at: "key", why: "a file param can have no default: the file may be gone by then" },
    ];
  }
  const checked = checkValue(param, param.default);
  if (checked.ok && checked.value === param.default) return [];
  const why = checked.ok
    ? `must be ${param.type === "string" ? "text" : param.type}, without quotes`
    : checked.why;
  return [
    { path: ["default"], at: "value", why: `${show(param.default)} does not fit its own param: ${why}` },
  ];
}
