import { Option } from "commander";
import type { ParamView, RuntimeView } from "../../protocol/views.ts";
import type { Json } from "../../std/json.ts";
import type { Parser } from "../command.ts";
import { paramHelp, paramValue } from "./params.ts";

/** Flags every command has; they are declared after the parameters, so they must be kept free for them. */
const RESERVED: ReadonlySet<string> = new Set([
  "--help",
  "--json",
  "--quiet",
  "--color",
  "--no-color",
  "--no-autostart",
  "--version",
]);

/**
 * Declares a flag for each parameter of a runtime and returns how to read them back. Where one of `own`, the flags
 * of the command itself, has the name already, the parameter is left to `--param name=value`, and the help says so.
 */
export function describeParams(
  parser: Parser,
  runtime: RuntimeView,
  own: readonly Option[],
): () => Record<string, Json> {
  parser.optionsGroup(`Parameters of ${runtime.name}:`);
  const flags = new Map<ParamView, Option>();
  const shadowed: ParamView[] = [];
  for (const param of runtime.params) {
    const name = flagName(param.name);
    const wanted = param.type === "boolean" ? [`--${name}`, `--no-${name}`] : [`--${name}`];
    if (name === "" || wanted.some((flag) => isTaken(flag, [...own, ...parser.options]))) {
      shadowed.push(param);
      continue;
    }
    flags.set(param, addFlag(parser, param, name));
  }
  if (shadowed.length > 0) {
    const lines = shadowed.map((param) => `  --param ${param.name}=<${param.type}>  ${paramHelp(param)}`);
    parser.addHelpText("after", `\nParameters whose flag has another meaning here:\n${lines.join("\n")}`);
  }
  return () => readBack(parser, flags);
}

/** guidanceScale and guidance_scale are --guidance-scale. */
export function flagName(param: string): string {
  return param
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

function addFlag(parser: Parser, param: ParamView, name: string): Option {
  if (param.type === "boolean") {
    const option = new Option(`--${name}`, paramHelp(param));
    // Declared after its positive form, so that neither has a value unless it is given.
    parser.addOption(option).addOption(new Option(`--no-${name}`, `turn ${param.name} off`));
    return option;
  }
  const option = new Option(`--${name} <${param.type}>`, paramHelp(param));
  parser.addOption(option.argParser((text) => paramValue(param, text)));
  return option;
}

function isTaken(flag: string, options: readonly Option[]): boolean {
  const attribute = new Option(flag).attributeName();
  return (
    RESERVED.has(flag) ||
    options.some((option) => option.long === flag || option.attributeName() === attribute)
  );
}

function readBack(parser: Parser, flags: ReadonlyMap<ParamView, Option>): Record<string, Json> {
  const params: Record<string, Json> = {};
  for (const [param, option] of flags) {
    const attribute = option.attributeName();
    // The source is asked first: the value of a parameter named "constructor" that was not given is no value.
    if (parser.getOptionValueSource(attribute) !== "cli") continue;
    params[param.name] = parser.getOptionValue(attribute) as Json;
  }
  return params;
}
