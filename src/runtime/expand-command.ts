import type { Json } from "../std/json.ts";

const placeholder = /\{([A-Za-z][A-Za-z0-9_-]*)\}/g;

/** Names in braces in a command: `["--seed={seed}"]` gives `["seed"]`. */
export function placeholdersOf(argument: string): readonly string[] {
  return [...argument.matchAll(placeholder)].map((match) => match[1] ?? "");
}

/**
 * Puts params into a command, one argument at a time and never through a shell: a value with spaces, quotes or
 * braces stays one argument and is not expanded again. An argument that names a param without a value is left out,
 * so an optional one is written `--seed={seed}`.
 */
export function expandCommand(command: readonly string[], params: Readonly<Record<string, Json>>): string[] {
  return command.flatMap((argument) => {
    const isComplete = placeholdersOf(argument).every((name) => Object.hasOwn(params, name));
    return isComplete ? [argument.replace(placeholder, (_all, name: string) => textOf(params[name]))] : [];
  });
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
