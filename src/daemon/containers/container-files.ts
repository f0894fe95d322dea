import fs from "node:fs";
import path from "node:path";
import type { Runtime } from "../../runtime/runtime.ts";
import { Failure } from "../../std/failure.ts";
import { giveTo } from "../users/ownership.ts";
import type { World } from "../world.ts";

/** The size of `sun_path` in Linux's `struct sockaddr_un`, less the closing NUL (unix(7)). */
const SOCKET_PATH_MAX_BYTES = 107;

/**
 * Makes the folders that a worker's container gets to see: one for its socket, one with a file for each secret. They lie
 * in a folder that is closed to everybody else, beside the daemon's socket (in memory, where XDG_RUNTIME_DIR is).
 * @returns the folder of the secrets, or null when there are none
 * @throws Failure socket/path-too-long, and those of reading secrets
 */
export function makeContainerFiles(world: World, workerId: number, runtime: Runtime): string | null {
  const { places } = world;
  const socket = places.containerSocket(workerId);
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX_BYTES) {
    throw new Failure("socket/path-too-long", `the worker's socket ${socket} has too long a path`, {
      why: `the kernel takes at most ${SOCKET_PATH_MAX_BYTES} bytes`,
      hint: "shorten ORCH_HOME or XDG_RUNTIME_DIR, and start the daemon again",
    });
  }
  const dir = places.containerDir(workerId);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const isOurUser = (runtime.container?.user ?? "daemon") === "daemon";
  // Another user inside has to get in; nobody outside can, past the folder above.
  makeDir(world, path.dirname(socket), isOurUser, 0o700, 0o777);
  const secrets = Object.entries(world.secrets.forWorker(runtime.name, runtime.secrets));
  if (secrets.length === 0) return null;
  const secretsDir = path.join(dir, "secrets");
  makeDir(world, secretsDir, isOurUser, 0o700, 0o755);
  for (const [name, value] of secrets) {
    const file = path.join(secretsDir, name);
    fs.writeFileSync(file, value, { mode: isOurUser ? 0o400 : 0o444 });
    if (isOurUser) giveToWorker(world, file);
  }
  return secretsDir;
}

/** The mode of mkdir is cut by the umask. */
function makeDir(world: World, dir: string, isOurUser: boolean, ours: number, others: number): void {
  fs.mkdirSync(dir);
  fs.chmodSync(dir, isOurUser ? ours : others);
  if (isOurUser) giveToWorker(world, dir);
}

/** Where several users are served, containers run as the user whom the config has for workers. */
function giveToWorker({ users }: World, file: string): void {
  if (users?.worker) giveTo(file, users.worker.account);
}
