import { isAbsolute, join } from "node:path";
import type { Environment, Paths } from "../../config/paths.ts";
import { Failure } from "../../std/failure.ts";

/** Of the whole machine, run by root, or of one user. */
export type ServiceKind = "system" | "user";

/** Where a service of orch lies and what it works on. */
export interface ServiceScope {
  readonly kind: ServiceKind;
  /** The folder of its unit files. */
  readonly unitDir: string;
  /** Of its daemon. Null = the XDG folders of the user. */
  readonly home: string | null;
  readonly socket: string;
  readonly configFile: string;
  /** Before every verb of systemctl and journalctl. */
  readonly flags: readonly string[];
}

export interface ScopeOptions {
  readonly kind: ServiceKind;
  readonly paths: Paths;
  readonly env: Environment;
}

export const SERVICE_UNIT = "orch.service";
export const SOCKET_UNIT = "orch.socket";
const SYSTEM_HOME = "/var/lib/orch";
const SYSTEM_SOCKET = "/run/orch/orch.sock";

/** The places of a service: those of the machine, or of the caller; ORCH_HOME and ORCH_SOCKET hold for both. */
export function scopeOf({ kind, paths, env }: ScopeOptions): ServiceScope {
  if (kind === "system") {
    const home = paths.home ?? SYSTEM_HOME;
    const socket = paths.socketChosen ? paths.socket : SYSTEM_SOCKET;
    return {
      ...{ kind, home, socket, flags: [] },
      unitDir: "/etc/systemd/system",
      configFile: join(home, "config.yaml"),
    };
  }
  const config = env["XDG_CONFIG_HOME"];
  const base = config !== undefined && isAbsolute(config) ? config : join(env["HOME"] || "/", ".config");
  return {
    ...{ kind, home: paths.home, socket: paths.socket, flags: ["--user"] },
    unitDir: join(base, "systemd", "user"),
    configFile: paths.configFile,
  };
}

/**
 * Refuses what cannot come to anything: the service of the machine without being root, one of a user without a session.
 * @throws Failure permission/denied, service/unavailable
 */
export function refuseWrongCaller({ kind }: ServiceScope, env: Environment, uid: number): void {
  if (kind === "system" && uid !== 0) {
    throw new Failure("permission/denied", "the service of this machine is root's to install", {
      why: `the caller is uid ${uid}`,
      hint: "sudo orch service install, or orch service install --user for one of your own",
    });
  }
  if (kind === "user" && !env["XDG_RUNTIME_DIR"]) {
    throw new Failure("service/unavailable", "there is no session of systemd for this user here", {
      why: "XDG_RUNTIME_DIR is not set, as after su or sudo",
      hint: `log in as that user, or export XDG_RUNTIME_DIR=/run/user/${uid}`,
    });
  }
}
