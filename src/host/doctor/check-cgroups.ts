import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, type Finding, type Host, ok, warn } from "./finding.ts";

const WANTED = ["cpu", "memory", "pids"];
const UNIFY = "boot with systemd.unified_cgroup_hierarchy=1";

/** Whether workers get control groups of their own, so that nothing of theirs outlives them, and limits hold. */
export const checkCgroups: Check = {
  name: "cgroups",
  look: async (host) => [await look(host)],
};

async function look({ daemon, uid }: Host): Promise<Finding> {
  const fix = "orch service install  (its unit has Delegate=yes)";
  const point = mountPoint();
  if (point === null) {
    return warn(
      "cgroups",
      "cgroup v2 is not mounted",
      "programs that hide from orch outlive their job; no limits",
      UNIFY,
    );
  }
  const pid = await daemon.then(
    (running) => String(running.pid),
    () => null,
  );
  if (pid === null && uid !== 0)
    return ok("cgroups", `v2 at ${point}; the daemon's own are seen once it runs`);
  const own = groupOf(pid ?? "self");
  if (own === null)
    return warn("cgroups", `v2 at ${point}, and the daemon is in none of its groups`, null, fix);
  // The daemon's own subgroup has nothing below it: its parent was delegated.
  const base = own.endsWith("/daemon") ? own.slice(0, -"/daemon".length) : own;
  const lacks = (dir: string): string[] => {
    const given = readWords(join(dir, "cgroup.controllers"));
    return WANTED.filter((name) => !given.includes(name));
  };
  const missing = lacks(join(point, base));
  if (missing.length === 0) return ok("cgroups", `v2, ${base || "/"} with ${WANTED.join(", ")}`);
  // What even the host's own group lacks is still with v1.
  const isHosts = lacks(point).length > 0;
  return warn(
    "cgroups",
    `v2, without the controllers ${missing.join(", ")}`,
    `limits of memory, processes and cores do not hold${isHosts ? "; cgroup v1 has these controllers" : ""}`,
    isHosts ? UNIFY : fix,
  );
}

function mountPoint(): string | null {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((each) => each.includes(" - cgroup2 "));
  return line?.split(" ")[4] ?? null;
}

function groupOf(pid: string): string | null {
  try {
    return /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}

function readWords(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trim().split(" ").filter(Boolean);
  } catch {
    return [];
  }
}
