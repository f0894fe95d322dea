import type { Client } from "../client/client.ts";
import { type Paths, resolvePaths } from "../config/paths.ts";
import type { Io } from "./io.ts";
import type { Output } from "./output.ts";

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly out: Output;
  /** Aborts when nobody reads what the command prints any more. */
  readonly signal: AbortSignal;
  /** @throws Failure socket/path-too-long */
  paths(): Paths;
  /**
   * A client of the user's daemon; starts it when it is not there, unless `autostart` is false or the config
   * says so.
   * @throws Failure daemon/unreachable, daemon/start-failed, permission/denied, config/invalid
   */
  connect(options?: { autostart?: boolean }): Promise<Client>;
}

/** Wires the process, the output and the client together. */
export function createContext(io: Io, out: Output, signal: AbortSignal, autostartWanted: boolean): Context {
  let known: Paths | undefined;
  const paths = (): Paths => {
    known ??= resolvePaths({ env: io.env, cwd: io.cwd, uid: io.uid });
    return known;
  };
  return {
    io,
    out,
    signal,
    paths,
    async connect(options = {}) {
      const { connect } = await import("../client/connect.ts");
      return connect({
        paths: paths(),
        uid: io.uid,
        env: io.env,
        notice: out.note,
        autostart: () => autostartWanted && options.autostart !== false && mayAutostart(io, paths()),
        daemonCommand: io.daemonCommand,
      });
    },
  };
}

async function mayAutostart(io: Io, paths: Paths): Promise<boolean> {
  const { loadConfig } = await import("../config/config.ts");
  const { config } = await loadConfig({ paths, env: io.env, projectDir: io.cwd });
  return config.autostart;
}
