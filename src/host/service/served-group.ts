import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { type LoadedConfig, loadConfig } from "../../config/config.ts";
import type { Environment, Paths } from "../../config/paths.ts";
import { makePrivateDir } from "../../config/run-dir.ts";
import { Failure } from "../../std/failure.ts";
import { askProgram, lastWords } from "../ask-program.ts";
import type { ServiceScope } from "./scope.ts";

const DEFAULT_GROUP = "orch";
const DEADLINE_MS = 20_000;

/**
 * The group that the service is to serve. The daemon reads it from its own config.yaml, so that file decides; where there is
 * none yet, the one asked for goes into it.
 * @param asked null = nobody but root; undefined = as the config has it, else "orch"
 * @throws Failure config/invalid where the file and the wish differ
 */
export async function groupOf(scope: ServiceScope, asked: string | null | undefined): Promise<string | null> {
  if (scope.kind === "user") {
    if (asked === undefined || asked === null) return null;
    throw new Failure("usage/invalid", "--group is for the service of the machine", {
      why: "a daemon of one user runs all programs as that user",
      hint: `sudo orch service install --group ${asked}`,
    });
  }
  const { group } = (await configOf(scope)).config;
  if (group === null && !existsSync(scope.configFile)) return asked === undefined ? DEFAULT_GROUP : asked;
  if (asked === undefined || asked === group) return group;
  throw new Failure(
    "config/invalid",
    `${scope.configFile} says group: ${group ?? "(none)"}, not ${asked ?? "(none)"}`,
    {
      hint: asked === null ? "remove its line group:" : `write "group: ${asked}" into it`,
    },
  );
}

/** The settings of the service's daemon, as it will read them. */
export function configOf(scope: ServiceScope, env: Environment = {}): Promise<LoadedConfig> {
  const paths: Pick<Paths, "configFile" | "systemConfigFile"> = {
    configFile: scope.configFile,
    systemConfigFile: "/etc/orch/config.yaml",
  };
  return loadConfig({ paths, env });
}

/**
 * Makes the group if the host has none of that name, and the config that names it if there is none.
 * @returns what was done, line by line
 * @throws Failure service/failed, state/unwritable
 */
export async function ensureGroup(
  scope: ServiceScope,
  group: string | null,
  env: Environment,
): Promise<string[]> {
  const done: string[] = [];
  if (scope.home === null || group === null) return done;
  const known = await askProgram(["getent", "group", group], { env, deadlineMs: DEADLINE_MS });
  if (known.exitCode !== 0) {
    const made = await askProgram(["groupadd", "--system", group], { env, deadlineMs: DEADLINE_MS });
    if (made.exitCode !== 0) {
      throw new Failure("service/failed", `the group ${group} cannot be made`, {
        why: lastWords("groupadd", made, DEADLINE_MS),
        hint: `groupadd --system ${group}`,
      });
    }
    done.push(`made the group ${group}`);
  }
  if ((await configOf(scope)).config.group === null) {
    makePrivateDir(scope.home);
    // Users reach what is theirs below it by name.
    chmodSync(scope.home, 0o711);
    writeFileSync(scope.configFile, `group: ${group}\n`, { mode: 0o600, flag: "wx" });
    done.push(`wrote ${scope.configFile}: group: ${group}`);
  }
  return done;
}
