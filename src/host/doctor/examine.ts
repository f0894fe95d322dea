import { existsSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "../../client/client.ts";
import { loadConfig } from "../../config/config.ts";
import type { Environment, Paths } from "../../config/paths.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { packageVersion } from "../../std/package-version.ts";
import { SOCKET_UNIT, scopeOf } from "../service/scope.ts";
import { createSystemctl } from "../service/systemctl.ts";
import { stateOf } from "../service/unit-state.ts";
import { checkCgroups } from "./check-cgroups.ts";
import { checkClock } from "./check-clock.ts";
import { checkConfig } from "./check-config.ts";
import { checkContainers } from "./check-containers.ts";
import { checkDaemon } from "./check-daemon.ts";
import { checkGpus } from "./check-gpus.ts";
import { checkModules } from "./check-modules.ts";
import { checkPython } from "./check-python.ts";
import { checkRuntimes } from "./check-runtimes.ts";
import { checkService } from "./check-service.ts";
import { checkState } from "./check-state.ts";
import { bad, type Check, type Finding, type Hello, type Host } from "./finding.ts";

export interface Examination {
  /** Nothing is broken; there may be warnings. */
  readonly ok: boolean;
  readonly version: string;
  readonly findings: readonly Finding[];
}

export interface ExamineOptions {
  readonly paths: Paths;
  readonly env: Environment;
  readonly uid: number;
  readonly cwd: string;
  /** Names of the checks to be made; all when left out. */
  readonly only?: readonly string[];
  /** How long any check may take. */
  readonly deadlineMs?: number;
}

const checks: readonly Check[] = [
  checkModules,
  checkConfig,
  checkState,
  checkDaemon,
  checkGpus,
  checkContainers,
  checkCgroups,
  checkPython,
  checkRuntimes,
  checkClock,
  checkService,
];

/** The names that `only` takes. */
export const checkNames: readonly string[] = checks.map(({ name }) => name);

/** Above what the checks themselves give to the programs that they ask, so that those have the better words. */
const DEADLINE_MS = 12_000;
const HELLO_MS = 3_000;

/** Looks at everything that orch needs of this host, all at once. Changes nothing and starts no daemon. Never rejects. */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const { paths, env, deadlineMs = DEADLINE_MS, only = checkNames, ...rest } = options;
  const wanted = checks.filter(({ name }) => only.includes(name));
  const config = loadConfig({ paths, env });
  const daemon = askDaemon({ paths, env });
  // Each check that needs them says for itself what is wrong with them.
  for (const each of [config, daemon]) each.catch(() => undefined);
  const host: Host = { paths, env, config, daemon, ...rest };
  const findings = (await Promise.all(wanted.map((check) => lookInTime(check, host, deadlineMs)))).flat();
  return { ok: findings.every(({ level }) => level !== "bad"), version: packageVersion(), findings };
}

/** A socket that systemd holds for a service that does not run would start it by being asked: so it is not asked. */
async function askDaemon({ paths, env }: Pick<ExamineOptions, "paths" | "env">): Promise<Hello> {
  for (const kind of ["system", "user"] as const) {
    const scope = scopeOf({ kind, paths, env });
    if (scope.socket !== paths.socket || !existsSync(join(scope.unitDir, SOCKET_UNIT))) continue;
    const systemctl = createSystemctl(scope, env, HELLO_MS);
    const [service, socket] = await Promise.all([stateOf(systemctl), stateOf(systemctl, SOCKET_UNIT)]);
    if (socket.active === "active" && service.active !== "active" && service.active !== "activating")
      throw new Failure("daemon/unreachable", `no daemon listens on ${paths.socket}`);
  }
  return createClient(paths.socket).call("GET /hello", {}, { timeoutMs: HELLO_MS });
}

async function lookInTime(check: Check, host: Host, deadlineMs: number): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const finding = bad(
      check.name,
      `no answer within ${deadlineMs / 1000} s`,
      "something that was asked hangs",
      null,
    );
    timer = setTimeout(() => resolve([finding]), deadlineMs);
  });
  const looked = check.look(host).catch((error: unknown) => {
    const { message, why, hint } = toFailure(error);
    return [bad(check.name, message, why ?? null, hint ?? null)];
  });
  return Promise.race([looked, late]).finally(() => clearTimeout(timer));
}
