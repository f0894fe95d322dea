import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "../../client/client.ts";
import type { Environment } from "../../config/paths.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { refuseWhileContainersRun } from "./container-workers.ts";
import { orchCommand, orchFiles, refuseForeignFiles } from "./orch-command.ts";
import { refuseWrongCaller, SERVICE_UNIT, type ServiceScope, SOCKET_UNIT } from "./scope.ts";
import { ensureGroup, groupOf } from "./served-group.ts";
import { createSystemctl, type Systemctl } from "./systemctl.ts";
import { type UnitFile, unitFiles } from "./unit.ts";
import { compareUnits, stateOf } from "./unit-state.ts";

/** A service of orch and who works on it. */
export interface ServiceWork {
  readonly scope: ServiceScope;
  readonly env: Environment;
  readonly uid: number;
}

export interface InstallOptions extends ServiceWork {
  /** Null = none; undefined = as its config.yaml has it, else "orch". */
  readonly group?: string | null | undefined;
  /** False = only written down and enabled. */
  readonly start: boolean;
  /** Also while containers of orch run. */
  readonly yes: boolean;
}

/** What was done, line by line; nothing when all was as it should be. */
export interface Done {
  readonly done: readonly string[];
  readonly pid: number | null;
}

/** The unit files as `install` would write them. Touches nothing. @throws Failure config/invalid, usage/invalid */
export async function plannedUnits(
  options: Omit<InstallOptions, "start" | "yes">,
): Promise<readonly UnitFile[]> {
  const { scope, env } = options;
  const group = await groupOf(scope, options.group);
  const systemdVersion = await createSystemctl(scope, env).version();
  return unitFiles({ scope, program: orchCommand(), group, env, systemdVersion });
}

/**
 * Installs the service, brings it up to date, and starts it. What is in order already is left alone.
 * @throws Failure permission/denied, service/unavailable, service/failed, worker/state, daemon/running, config/invalid
 */
export async function installService(options: InstallOptions): Promise<Done> {
  const { scope, env, uid } = options;
  refuseWrongCaller(scope, env, uid);
  if (scope.kind === "system") refuseForeignFiles(orchFiles());
  const systemctl = createSystemctl(scope, env);
  const files = await plannedUnits(options);
  const isChanged = compareUnits(scope, files) !== "current" || (await stateOf(systemctl)).needsReload;
  if (isChanged && !options.yes) await refuseWhileContainersRun(env, commandLine(scope, "install"));
  if (options.start) await refuseOtherDaemon(scope, systemctl);
  const done = await ensureGroup(scope, await groupOf(scope, options.group), env);
  if (isChanged) {
    for (const { name, text } of files) done.push(writeUnit(scope, name, text));
    await systemctl.call("daemon-reload");
  }
  if ((await stateOf(systemctl)).enabled !== "enabled") {
    await systemctl.call("enable", SERVICE_UNIT, SOCKET_UNIT);
    done.push(
      `enabled it: it starts with the ${scope.kind === "system" ? "machine" : "session of the user"}`,
    );
  }
  if (options.start) done.push(...(await start(systemctl, isChanged)));
  return { done, pid: (await stateOf(systemctl)).pid };
}

/**
 * Stops and removes the service. Its jobs and workers go on, its state stays.
 * @throws Failure permission/denied, service/unavailable, service/failed, worker/state
 */
export async function uninstallService({
  scope,
  env,
  uid,
  yes,
}: ServiceWork & { yes: boolean }): Promise<Done> {
  refuseWrongCaller(scope, env, uid);
  const files = [SERVICE_UNIT, SOCKET_UNIT].map((name) => ({ name, text: "" }) as UnitFile);
  if (compareUnits(scope, files) === "missing") return { done: [], pid: null };
  if (!yes) await refuseWhileContainersRun(env, commandLine(scope, "uninstall"));
  const systemctl = createSystemctl(scope, env);
  await systemctl.call("disable", "--now", SOCKET_UNIT, SERVICE_UNIT);
  for (const { name } of files) rmSync(join(scope.unitDir, name), { force: true });
  await systemctl.call("daemon-reload");
  // A unit that had failed would be remembered by name.
  await systemctl.ask("reset-failed", SERVICE_UNIT);
  const done = files.map(({ name }) => `removed ${join(scope.unitDir, name)}`);
  return { done: ["stopped and disabled it; its jobs and workers go on", ...done], pid: null };
}

/** The socket cannot be opened under a service that runs, so both are stopped first. */
async function start(systemctl: Systemctl, isChanged: boolean): Promise<string[]> {
  const [service, socket] = await Promise.all([stateOf(systemctl), stateOf(systemctl, SOCKET_UNIT)]);
  const isUp = service.active === "active" && socket.active === "active";
  if (isUp && !isChanged) return [];
  if (service.active !== "inactive") await systemctl.call("stop", SOCKET_UNIT, SERVICE_UNIT);
  await systemctl.ask("reset-failed", SERVICE_UNIT);
  await systemctl.call("start", SOCKET_UNIT, SERVICE_UNIT);
  return [isUp ? "restarted it; jobs and workers went on" : "started it"];
}

/** One that was started by hand holds the state: the service could never start. */
async function refuseOtherDaemon({ socket }: ServiceScope, systemctl: Systemctl): Promise<void> {
  const { pid, active } = await stateOf(systemctl);
  if (active === "active" || active === "activating") return;
  // An idle socket of systemd would start the service by being asked.
  if ((await stateOf(systemctl, SOCKET_UNIT)).active === "active") return;
  const other = await createClient(socket)
    .call("GET /hello", {}, { timeoutMs: 2_000 })
    .catch(() => null);
  if (other === null || other.pid === pid) return;
  throw new Failure("daemon/running", `a daemon runs already, pid ${other.pid}, and is not the service's`, {
    why: "there is one daemon for a state folder",
    hint: "orch down, then this again; its jobs and workers go on",
  });
}

/** Written beside it and renamed: systemd never reads half a unit. */
function writeUnit({ unitDir }: ServiceScope, name: string, text: string): string {
  const path = join(unitDir, name);
  const fresh = `${path}.new`;
  try {
    mkdirSync(unitDir, { recursive: true });
    writeFileSync(fresh, text, { mode: 0o644 });
    renameSync(fresh, path);
  } catch (error) {
    throw new Failure("service/failed", `cannot write ${path}`, {
      why: errnoOf(error) ?? String(error),
      hint: "orch service install --print shows the units",
      cause: error,
    });
  }
  return `wrote ${path}`;
}

function commandLine({ kind }: ServiceScope, verb: string): string {
  return `orch service ${verb}${kind === "user" ? " --user" : ""}`;
}
