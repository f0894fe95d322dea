import { existsSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { openCgroups } from "../../src/engine/cgroup.ts";
import { need } from "./need.ts";

/** Why no cgroup can be made here, or null. With ORCH_REQUIRE=1 it throws instead. */
export function whyNoCgroups(): string | null {
  const opened = openCgroups("whynotht");
  const why = "why" in opened ? opened.why : null;
  if (why !== null && process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
  return why;
}

/** Why no limit of this kind can be set here, or null. With ORCH_REQUIRE=1 it throws instead. */
export function whyNoLimits(controller: "memory" | "pids"): string | null {
  const noCgroups = whyNoCgroups();
  if (noCgroups !== null) return noCgroups;
  const opened = openCgroups("whynotht");
  const isThere = "controllers" in opened && opened.controllers.has(controller);
  const what = `${controller} controller of cgroups`;
  return need(what, isThere) ? null : `no ${what}`;
}

/** Removes the cgroups that a daemon which was killed has left, once nothing runs in them. */
export function removeCgroups(databasePath: string): void {
  if (!existsSync(databasePath)) return;
  try {
    const db = new Sqlite(databasePath, { readonly: true });
    const instance = db.prepare("SELECT value FROM meta WHERE key = 'instance'").pluck().get() as string;
    db.close();
    const opened = openCgroups(instance);
    if ("why" in opened) return;
    for (const { cgroup } of opened.all()) cgroup.remove();
  } catch {
    // A database that a test has damaged names no instance.
  }
}
