import type { ChildProcess } from "node:child_process";

/**
 * Kills a child and lets go of it at once. A program that is stuck inside the driver (state D) cannot be killed
 * and may never be waited for: without this it would keep our event loop alive, or hang whoever awaits it.
 */
export function abandonChild(child: ChildProcess): void {
  child.kill("SIGKILL");
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.unref();
}
