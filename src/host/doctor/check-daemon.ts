import { lstatSync } from "node:fs";
import { verifyRunDir } from "../../config/run-dir.ts";
import { toFailure } from "../../std/failure.ts";
import { packageVersion } from "../../std/package-version.ts";
import { askProgram } from "../ask-program.ts";
import { bad, type Check, type Finding, type Hello, type Host, ok, warn } from "./finding.ts";

const DEADLINE_MS = 3_000;

/** The socket and who answers at it. No daemon is no fault: commands start one. */
export const checkDaemon: Check = {
  name: "daemon",
  async look(host) {
    const { paths, uid } = host;
    verifyRunDir(paths, uid);
    try {
      return [compareVersions(await host.daemon)];
    } catch (error) {
      const { code, message, why } = toFailure(error);
      if (code === "permission/denied") return [await explainDenied(host, why ?? null)];
      const isNobody = /^no daemon listens/.test(message);
      if (!isNobody) return [bad("daemon", message, why ?? null, `orch paths; tail ${paths.daemonLog}`)];
      return [await nobodyThere(host)];
    }
  },
};

function compareVersions(daemon: Hello): Finding {
  const version = packageVersion();
  if (daemon.version === version) return ok("daemon", `runs, pid ${daemon.pid}, version ${version}`);
  return warn(
    "daemon",
    `runs version ${daemon.version}, this is ${version}`,
    "it was started before orch was updated",
    "orch down && orch up  (or systemctl restart orch); jobs and workers go on",
  );
}

async function nobodyThere({ config, paths }: Host): Promise<Finding> {
  const isStarted = await config.then(
    (loaded) => loaded.config.autostart,
    () => true,
  );
  if (isStarted) return ok("daemon", "does not run; the next command starts it");
  return warn("daemon", `does not run; nobody listens on ${paths.socket}`, "autostart is off", "orch up");
}

/** Whose the socket is, and whether the caller only has to log in again. */
async function explainDenied({ paths, env, uid }: Host, why: string | null): Promise<Finding> {
  const gid = lstatSync(paths.socket, { throwIfNoEntry: false })?.gid;
  const user = env["USER"] ?? String(uid);
  const what = `the socket ${paths.socket} does not let this user in`;
  if (gid === undefined || gid === 0) {
    return bad(
      "daemon",
      what,
      why ?? "it is another user's",
      "unset ORCH_SOCKET ORCH_HOME  (for a daemon of your own)",
    );
  }
  const listed = await askProgram(["getent", "group", String(gid)], { env, deadlineMs: DEADLINE_MS });
  const [group = String(gid), , , members = ""] = listed.stdout.trim().split(":");
  if (members.split(",").includes(user)) {
    return bad(
      "daemon",
      what,
      `${user} was put into the group ${group} after this login`,
      `newgrp ${group}  (or log in again)`,
    );
  }
  return bad(
    "daemon",
    what,
    `${user} is not in the group ${group}`,
    `sudo usermod -aG ${group} ${user}, and log in again`,
  );
}
