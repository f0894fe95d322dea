import fs from "node:fs";
import type { Launch } from "../../engine/engine.ts";
import { inTerminal } from "../../engine/terminal/pty-launch.ts";
import type { Terminal } from "../../scheduler/events.ts";
import { Failure } from "../../std/failure.ts";
import type { World } from "../world.ts";

/** The size of `sun_path` in Linux's `struct sockaddr_un`, less the closing NUL (unix(7)). */
const SOCKET_PATH_MAX_BYTES = 107;

/**
 * The launch of a command in a terminal of its own, with the folder where its socket will lie.
 * @throws Failure socket/path-too-long, native/missing
 */
export function terminalLaunch(world: World, launch: Launch, terminal: Terminal): Launch {
  const { places, terminalHolder: holderPath, users } = world;
  const forGroup = users !== null && users.adminsGid !== null;
  const socket = places.terminalSocket(launch.workerId);
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX_BYTES) {
    throw new Failure("socket/path-too-long", `the terminal's socket ${socket} has too long a path`, {
      why: `the kernel takes at most ${SOCKET_PATH_MAX_BYTES} bytes`,
      hint: "shorten ORCH_HOME or XDG_RUNTIME_DIR, and start the daemon again",
    });
  }
  if (!fs.existsSync(holderPath)) {
    throw new Failure("native/missing", `the program that holds terminals is missing: ${holderPath}`, {
      hint: "npm run build",
    });
  }
  const dir = places.terminalDir(launch.workerId);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  return inTerminal(launch, { ...terminal, socket, holderPath, forGroup });
}
