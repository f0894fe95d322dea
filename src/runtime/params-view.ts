import type { Json } from "../std/json.ts";
import type { Param, Runtime } from "./runtime.ts";

/** A param as the API shows it: plain data, absent instead of undefined. The shape of ParamView in protocol/views. */
export interface PlainParam {
  readonly name: string;
  readonly type: Param["type"];
  readonly required: boolean;
  readonly default?: Json;
  readonly help: string;
  readonly load: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly multipleOf?: number;
  readonly choices?: (string | number)[];
  readonly accept: string[];
}

/** The params of a runtime in the order of declaration, as plain data. */
export function viewParams(runtime: Runtime): PlainParam[] {
  return Object.entries(runtime.params).map(([name, param]) => viewParam(name, param));
}

function viewParam(name: string, param: Param): PlainParam {
  return {
    name,
    type: param.type,
    required: param.required,
    ...(param.default === undefined ? {} : { default: param.default }),
    help: param.help,
    load: param.load,
    ...(param.min === undefined ? {} : { min: param.min }),
    ...(param.max === undefined ? {} : { max: param.max }),
    ...(param.multipleOf === undefined ? {} : { multipleOf: param.multipleOf }),
    ...(param.choices === undefined ? {} : { choices: [...param.choices] }),
    accept: [...param.accept],
  };
}
