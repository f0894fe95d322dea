import { z } from "zod";
import { JSON_VERSION } from "../../../src/std/json-version.ts";
import { errorOutput, jsonOutputs } from "./json-outputs.ts";

/** The published schemas: name of the file in docs/json, and its text. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const index: Record<string, string> = {};
  for (const [command, { schema, isLines = false }] of Object.entries(jsonOutputs)) {
    const name = fileOf(command);
    const title = `${`orch ${command}`.trim()} --json${isLines ? ": each line" : ""}`;
    files.set(name, textOf(schema, name, title));
    index[`orch ${command}`.trim()] = name;
  }
  files.set(
    "error.json",
    textOf(errorOutput, "error.json", "the last line on stderr of a command with --json that fails"),
  );
  const all = { schemaVersion: JSON_VERSION, commands: index, error: "error.json" };
  files.set("index.json", `${JSON.stringify(all, null, 2)}\n`);
  return files;
}

/** "workers-ls.json" for `workers ls`. */
function fileOf(command: string): string {
  if (command === "") return "orch.json";
  return `${command.replaceAll("--", "").replaceAll(" ", "-")}.json`;
}

function textOf(schema: z.ZodType, name: string, title: string): string {
  const made = z.toJSONSchema(schema, { io: "output", unrepresentable: "any", override: allowMore });
  const { $schema, ...rest } = made;
  const document = { $schema, $id: `urn:orch:json:${JSON_VERSION}:${name}`, title, ...rest };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * Later versions may add fields: whoever checks by these schemas is not to refuse them. That whole numbers end where
 * JavaScript's do goes without saying.
 */
function allowMore({ jsonSchema }: { jsonSchema: Limits }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

interface Limits {
  additionalProperties?: unknown;
  minimum?: unknown;
  maximum?: unknown;
}
