import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Command } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { orch } from "../captured-io.ts";
import { jsonOutputs } from "./json-outputs.ts";
import { jsonSchemas } from "./json-schemas.ts";

const folder = join(import.meta.dirname, "../../../docs/json");

// `node scripts/json-schemas.mjs` writes them.
if (process.env["WRITE_SCHEMAS"] === "1") {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of jsonSchemas()) writeFileSync(join(folder, name), text);
}

test("docs/json is what the operations' schemas say; node scripts/json-schemas.mjs writes it", () => {
  const expected = jsonSchemas();
  expect(readdirSync(folder).toSorted()).toEqual([...expected.keys()].toSorted());
  for (const [name, text] of expected)
    expect([name, readFileSync(join(folder, name), "utf8")]).toEqual([name, text]);
});

test("the version of the schemas is to be had without a daemon", async () => {
  const { schemaVersion } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
    schemaVersion: number;
  };
  expect(JSON.parse((await orch(["--version", "--json"])).stdout)).toMatchObject({ schemaVersion });
});

test("every command has one, or refuses --json", async () => {
  const all: Command[] = await Promise.all(Object.values(commands).map((entry) => entry.load()));
  const leaves = all.flatMap((command) => command.members ?? [command]);
  const missing = leaves.filter(({ name }) => jsonOutputs[name] === undefined);
  expect(missing.map(({ name }) => name).toSorted()).toEqual(
    leaves.flatMap(({ name, withoutJson }) => (withoutJson === undefined ? [] : [name])).toSorted(),
  );
});
