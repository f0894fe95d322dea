import { readFileSync } from "node:fs";
import { createRegistry, type FoundRuntime } from "../../runtime/discover.ts";
import { systemClock } from "../../std/clock.ts";
import { type Check, type Finding, type Host, ok, warn } from "./finding.ts";

/** "0A" of the kernel's TCP table: it listens. */
const LISTENS = "0A";

/** Runtimes that cannot be read, and fixed ports of theirs that somebody else has taken. */
export const checkRuntimes: Check = {
  name: "runtimes",
  async look(host) {
    const dirs = host.paths.runtimeDirs.map(({ origin, path }) => ({ origin, dir: path }));
    const found = createRegistry(dirs, systemClock).list();
    const broken = found.flatMap((each) => ("problem" in each ? [brokenOne(each)] : []));
    const good = found.length - broken.length;
    return [...broken, ...(await takenPorts(found, host)), ok("runtimes", `${good} can be used`)];
  },
};

function brokenOne(found: Extract<FoundRuntime, { problem: unknown }>): Finding {
  const { message, why } = found.problem;
  return warn(
    "runtimes",
    `${found.name} cannot be used: ${message}`,
    why ?? null,
    `orch runtimes validate ${found.dir}`,
  );
}

/** A port that an own worker listens on is as it should be; which those are only a daemon could say. */
async function takenPorts(found: readonly FoundRuntime[], { daemon }: Host): Promise<Finding[]> {
  const isRunning = await daemon.then(
    () => true,
    () => false,
  );
  if (isRunning) return [];
  const taken = listeningPorts();
  return found.flatMap((each) => {
    const port = "runtime" in each ? (each.runtime.server?.port ?? null) : null;
    if (port === null || !taken.has(port)) return [];
    return [
      warn(
        "ports",
        `port ${port} of the runtime ${each.name} is taken`,
        "its worker could not listen there",
        `ss -ltnp 'sport = :${port}'`,
      ),
    ];
  });
}

function listeningPorts(): ReadonlySet<number> {
  const lines = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => {
    try {
      return readFileSync(file, "utf8").split("\n").slice(1);
    } catch {
      return [];
    }
  });
  const rows = lines.map((line) => line.trim().split(/\s+/)).filter((row) => row[3] === LISTENS);
  return new Set(rows.map((row) => Number.parseInt(row[1]?.split(":")[1] ?? "0", 16)));
}
