import { existsSync } from "node:fs";
import { plannedUnits } from "../service/install.ts";
import { type ServiceKind, scopeOf } from "../service/scope.ts";
import { createSystemctl } from "../service/systemctl.ts";
import { compareUnits, programOf, stateOf } from "../service/unit-state.ts";
import { bad, type Check, type Finding, type Host, ok, warn } from "./finding.ts";

const DEADLINE_MS = 5_000;
const LINGERS = "/var/lib/systemd/linger";

/** The units of systemd, of the machine and of this user, as far as they are installed. */
export const checkService: Check = {
  name: "service",
  async look(host) {
    const found = (await Promise.all([lookAt(host, "system"), lookAt(host, "user")])).flat();
    return found.length > 0 ? found : [ok("service", "not installed; orch service install would")];
  },
};

async function lookAt({ paths, env, uid }: Host, kind: ServiceKind): Promise<Finding[]> {
  const scope = scopeOf({
    kind,
    paths: kind === "system" && uid !== 0 ? { ...paths, home: null } : paths,
    env,
  });
  const gone = programOf(scope).find(({ isGone }) => isGone);
  const install = kind === "user" ? "orch service install --user" : "sudo orch service install";
  const what = kind === "user" ? "your service" : "the service of this machine";
  if (gone !== undefined) return [bad("service", `${what} cannot start`, `${gone.path} is gone`, install)];
  // Its config.yaml is root's: whether the units are up to date is root's to see.
  const files = await plannedUnits({ scope, env, uid }).catch(() => null);
  const compared = files === null ? "current" : compareUnits(scope, files);
  if (compared === "missing" || programOf(scope).length === 0) return [];
  const findings: Finding[] = [];
  if (compared === "stale")
    findings.push(
      warn("service", `the units of ${what} are not those of this version`, scope.unitDir, install),
    );
  const { active, enabled } = await stateOf(createSystemctl(scope, env, DEADLINE_MS));
  const flag = kind === "user" ? "--user " : "";
  if (active === "failed")
    findings.push(
      bad("service", `${what} has failed`, null, `systemctl ${flag}status orch; orch service logs`),
    );
  if (enabled === "disabled")
    findings.push(
      warn("service", `${what} does not start by itself`, null, `systemctl ${flag}enable --now orch`),
    );
  if (kind === "user") findings.push(...checkLinger(env["USER"] ?? String(uid)));
  if (kind === "system" && paths.socket !== scope.socket) {
    const why = `this shell's commands speak to ${paths.socket}`;
    findings.push(
      warn(
        "service",
        `the service of this machine listens on ${scope.socket}`,
        why,
        `export ORCH_SOCKET=${scope.socket}`,
      ),
    );
  }
  return findings.length > 0 ? findings : [ok("service", `${what} is installed, ${active}`)];
}

function checkLinger(user: string): Finding[] {
  if (!existsSync("/run/systemd/system") || existsSync(`${LINGERS}/${user}`)) return [];
  const why = "systemd ends all that a user runs at the last logout";
  return [
    warn("linger", "your service and its jobs end when you log out", why, `loginctl enable-linger ${user}`),
  ];
}
