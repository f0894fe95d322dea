import fs from "node:fs";
import path from "node:path";

/** Of cgroup v1: the one way to make processes that even SIGKILL does not move (state D), until they are thawed. */
const ROOT = "/sys/fs/cgroup/freezer";

/** Why nothing can be frozen here, or null. With ORCH_REQUIRE=1 it throws instead. */
export function whyNoFreezer(): string | null {
  const why = lookForFreezer();
  if (why !== null && process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
  return why;
}

function lookForFreezer(): string | null {
  try {
    fs.accessSync(ROOT, fs.constants.W_OK);
    return null;
  } catch {
    return "there is no writable freezer of cgroup v1";
  }
}

/** Freezes processes; its disposal thaws them. */
export function freezer(pids: readonly number[]): Disposable & { thaw(): void } {
  const dir = path.join(ROOT, `orch-test-${process.pid}-${pids[0] ?? 0}`);
  fs.mkdirSync(dir);
  for (const pid of pids) fs.writeFileSync(path.join(dir, "cgroup.procs"), String(pid));
  const state = (text: string): void => fs.writeFileSync(path.join(dir, "freezer.state"), text);
  state("FROZEN");
  const thaw = (): void => {
    if (fs.existsSync(dir)) state("THAWED");
  };
  return {
    thaw,
    [Symbol.dispose]() {
      thaw();
      // The kernel moves the processes of a group out of it only as they end.
      for (const deadline = performance.now() + 2_000; performance.now() < deadline; ) {
        try {
          return fs.rmdirSync(dir);
        } catch {
          // Still in use.
        }
      }
    },
  };
}
