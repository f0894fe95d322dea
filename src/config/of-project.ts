import { Failure } from "../std/failure.ts";

/** What opens the host to others is not for whoever wrote a project. */
const notOfProjects: ReadonlySet<string> = new Set(["gateway"]);

/**
 * Refuses a key in a project's `.orch.yaml` that only who runs the daemon may set.
 * @param where position of the key, e.g. "/srv/work/.orch.yaml:2:1"
 * @throws Failure config/invalid
 */
export function refuseOfProject(key: string, where: string, configFile: string): void {
  if (!notOfProjects.has(key)) return;
  throw new Failure("config/invalid", `${where}: ${key} is not for a project to set`, {
    why: "it opens this host to others",
    hint: `write it into ${configFile}`,
  });
}
