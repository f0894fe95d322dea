import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { suggest } from "../std/suggest.ts";
import { checkFile } from "./check-file.ts";
import { checkValue } from "./check-value.ts";
import { expandCommand } from "./expand-command.ts";
import { show } from "./explain-issue.ts";
import type { Param, Runtime } from "./runtime.ts";

/** MAX_ARG_STRLEN of Linux (32 pages), the limit of one argument or environment variable, its NUL included. */
const maxArgumentBytes = 131_072;

/** Linux takes a quarter of the stack limit (8 MiB) for arguments and environment; some is left for the latter. */
const maxCommandBytes = 1_500_000;

/** Load params go to the worker in one environment variable, ORCH_LOAD. */
const maxLoadBytes = 100_000;

/**
 * Checks what a job gives for the params of its runtime and fills in the defaults. Params without a value are
 * absent from the result.
 * @returns params in the order of declaration, each of its declared type
 * @throws Failure param/unknown, param/missing, param/invalid, file/missing, file/unreadable; the message names the
 * param and the value, why says what is allowed
 */
export function checkParams(runtime: Runtime, given: Readonly<Record<string, Json>>): Record<string, Json> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(runtime.params, name)) throw unknownParam(runtime, name);
  }
  const checked: Record<string, Json> = {};
  for (const [name, param] of Object.entries(runtime.params)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const used = value === undefined || (value === null && !param.required) ? param.default : value;
    if (used !== undefined) checked[name] = checkParam(name, param, used);
    else if (param.required) throw missingParam(runtime, name, param);
  }
  checkSizes(runtime, checked);
  return checked;
}

function checkParam(name: string, param: Param, given: Json): Json {
  const checked = checkValue(param, given);
  if (!checked.ok) {
    throw new Failure("param/invalid", `param "${name}": ${show(given)} is not allowed`, {
      why: checked.why,
    });
  }
  if (param.type === "file" && typeof checked.value === "string") checkFile(name, param, checked.value);
  return checked.value;
}

/** Without this the kernel would refuse to start the program (E2BIG), long after the job was accepted. */
function checkSizes(runtime: Runtime, params: Readonly<Record<string, Json>>): void {
  const load = Object.entries(params).filter(([name]) => runtime.params[name]?.load === true);
  if (Buffer.byteLength(JSON.stringify(Object.fromEntries(load))) > maxLoadBytes) {
    const names = load.map(([name]) => name).join(", ");
    throw new Failure("param/invalid", `load params ${names}: they are too long`, {
      why: `together they may have ${maxLoadBytes} bytes; pass long text as a file`,
    });
  }
  if (runtime.protocol !== "exec") return;
  const sizes = expandCommand(runtime.command, params).map((argument) => Buffer.byteLength(argument) + 1);
  const totalBytes = sizes.reduce((sum, bytes) => sum + bytes, 0);
  if (sizes.every((bytes) => bytes <= maxArgumentBytes) && totalBytes <= maxCommandBytes) return;
  throw new Failure("param/invalid", `the command of "${runtime.name}" with these params is too long`, {
    why: "Linux takes at most 128 KiB in one argument; pass long text as a file",
    hint: `orch runtimes show ${runtime.name}`,
  });
}

function unknownParam(runtime: Runtime, name: string): Failure {
  const names = Object.keys(runtime.params);
  const near =
    names.find((known) => known.replaceAll("-", "_") === name.replaceAll("-", "_")) ?? suggest(name, names);
  const known = names.length === 0 ? "it takes no params" : `it takes ${names.join(", ")}`;
  return new Failure("param/unknown", `runtime "${runtime.name}" has no param "${name.slice(0, 100)}"`, {
    why: near === undefined ? known : `did you mean "${near}"?`,
    hint: `orch runtimes show ${runtime.name}`,
  });
}

function missingParam(runtime: Runtime, name: string, param: Param): Failure {
  const kind = param.type.toUpperCase();
  return new Failure("param/missing", `param "${name}" of runtime "${runtime.name}" is missing`, {
    why: param.help === "" ? "it is required" : `it is required: ${param.help}`,
    hint: `add --${name} ${kind}, or --param ${name}=${kind}`,
  });
}
