import { connect as connectSocket, type Socket } from "node:net";
import type { Environment, Paths } from "../config/paths.ts";
import { verifyRunDir } from "../config/run-dir.ts";
import { type Client, createClient } from "./client.ts";
import { connectionFailure } from "./request.ts";

export interface ConnectOptions {
  readonly paths: Paths;
  readonly uid: number;
  /** Whether to start the daemon when none listens. Asked only then: the answer may need the config files. */
  readonly autostart: () => boolean | Promise<boolean>;
  /** Tells the user what happened besides ("orch: started the daemon (pid 1234)"). */
  readonly notice: (text: string) => void;
  /** Environment of a daemon that is started. */
  readonly env: Environment;
  /** Program and arguments of the daemon, when it is not this package's own. */
  readonly daemonCommand?: readonly string[] | undefined;
}

/**
 * A client of the user's daemon; starts the daemon when none listens and `autostart` agrees.
 * @throws Failure daemon/unreachable, daemon/start-failed or why the daemon would not start, permission/denied
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const { paths } = options;
  verifyRunDir(paths, options.uid);
  try {
    return createClient(paths.socket, await dial(paths.socket));
  } catch (error) {
    const failure = connectionFailure(error, paths.socket);
    if (failure.code !== "daemon/unreachable" || !(await options.autostart())) throw failure;
    const { startDaemon } = await import("./start-daemon.ts");
    const started = await startDaemon(options);
    if (started.ours) options.notice(`orch: started the daemon (pid ${started.pid})`);
  }
  return createClient(paths.socket);
}

/** A connection to whoever listens on the socket; it keeps no process alive until it is used. Rejects with the system's error. */
function dial(socket: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const connection = connectSocket(socket);
    connection.once("error", reject);
    connection.once("connect", () => {
      // Until its request is sent nobody else listens; a daemon that goes meanwhile is noticed then.
      connection.on("error", () => {});
      resolve(connection);
    });
  });
}
