import type { ConfigKey, ConfigOrigin } from "../../config/config.ts";
import { Failure } from "../../std/failure.ts";
import { suggest } from "../../std/suggest.ts";
import { command, commandGroup } from "../command.ts";
import type { Context } from "../context.ts";
import type { Column } from "../text/table.ts";

/** A setting as it holds. */
interface Setting {
  readonly key: ConfigKey;
  readonly value: unknown;
  readonly origin: ConfigOrigin;
  readonly about: string;
  /** The variable of the environment that sets it. */
  readonly variable: string;
}

const list = command<{ readonly set?: boolean }>({
  name: "config ls",
  summary: "List every setting with its value and where it came from, as a daemon started from here has it",
  examples: [
    "orch config",
    "orch config ls --set",
    "orch config --json | jq '.settings[] | select(.origin.kind == \"env\")'",
  ],
  describe: (parser) => parser.option("--set", "only those that somebody set"),
  async run(context, _args, options) {
    const { out } = context;
    const all = await settingsOf(context);
    const shown = options.set === true ? all.filter(({ origin }) => origin.kind !== "default") : all;
    out.result(
      { settings: shown },
      { ids: shown.map(({ key }) => key), text: () => out.table(shown, columns) },
    );
    return 0;
  },
});

const explain = command({
  name: "config explain",
  summary: "Say what a setting does, what it is, where that came from, and where it can be set",
  examples: ["orch config explain gpus", "orch config explain quantumFactor --json"],
  describe: (parser) => parser.argument("<key>", "a key of config.yaml"),
  async run(context, [key = ""]) {
    const { out } = context;
    const all = await settingsOf(context);
    const setting = all.find((each) => each.key === key);
    if (setting === undefined) {
      const near = suggest(
        key,
        all.map((each) => each.key),
      );
      throw new Failure("usage/invalid", `there is no setting "${key}"`, {
        hint: near === undefined ? "orch config" : `orch config explain ${near}`,
      });
    }
    const { configFile, systemConfigFile } = context.paths();
    out.result(setting, {
      ids: [JSON.stringify(setting.value)],
      text: () =>
        out.fields([
          ["setting", setting.key],
          ["does", setting.about],
          ["value", JSON.stringify(setting.value)],
          ["from", setting.origin.where],
          ["set it in", `${configFile}, or for all users ${systemConfigFile}`],
          ["or by", `${setting.variable} in the environment of the daemon, which goes before the files`],
        ]),
    });
    return 0;
  },
});

export const config = commandGroup(
  "config",
  "Show the settings and where each came from",
  [list, explain],
  list,
);

/** @throws Failure config/invalid with file, line and column */
async function settingsOf({ io, paths }: Context): Promise<Setting[]> {
  const { ConfigSchema, loadConfig, variableOf } = await import("../../config/config.ts");
  const { config: values, origins } = await loadConfig({ paths: paths(), env: io.env });
  return (Object.keys(ConfigSchema.shape) as ConfigKey[]).map((key) => ({
    key,
    value: values[key],
    origin: origins[key],
    about: ConfigSchema.shape[key].description ?? "",
    variable: variableOf(key),
  }));
}

const columns: readonly Column<Setting>[] = [
  { title: "KEY", value: ({ key }) => key, rank: 9 },
  { title: "VALUE", value: ({ value }) => JSON.stringify(value), shrinks: true, rank: 8 },
  { title: "FROM", value: ({ origin }) => origin.where, shrinks: true, rank: 7 },
];
