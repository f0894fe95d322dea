import type { Terminal } from "../../scheduler/events.ts";
import { validSize } from "../../std/terminal-frames.ts";
import type { Launch } from "../engine.ts";

/** What the holder is told. It goes by the environment, so that none of it shows in a list of processes. */
export interface HolderOrder extends Terminal {
  readonly socket: string;
  /** The socket's group may attach, too. */
  readonly forGroup: boolean;
  /** NODE_OPTIONS of the program: they are not meant for the holder. */
  readonly nodeOptions: string | null;
}

const ORDER = "ORCH_TERMINAL";

/**
 * The launch of a program inside a terminal: its holder is started instead, and starts it.
 * @param holderPath the built holder program, dist/pty-holder.js
 * @param socket where viewers will find it; its folder exists and is closed to others
 * @param forGroup whether the folder's group may attach, too
 */
export function inTerminal(
  launch: Launch,
  terminal: Terminal & {
    readonly holderPath: string;
    readonly socket: string;
    readonly forGroup?: boolean;
  },
): Launch {
  const { NODE_OPTIONS: nodeOptions = null, ...env } = launch.env;
  const { columns, rows, leaveAfterMs, socket, holderPath, forGroup = false } = terminal;
  const order: HolderOrder = { columns, rows, leaveAfterMs, socket, forGroup, nodeOptions };
  return {
    ...launch,
    argv: [process.execPath, holderPath, ...launch.argv],
    env: { ...env, [ORDER]: JSON.stringify(order) },
  };
}

/** Reads the order out of the holder's environment, and gives the environment that is the program's. */
export function readOrder(env: Readonly<Record<string, string | undefined>>): {
  readonly order: HolderOrder;
  readonly env: Record<string, string>;
} {
  const { [ORDER]: text = "null", ...rest } = env;
  const order = JSON.parse(text) as HolderOrder | null;
  if (order === null || validSize(order) === null) throw new Error(`${ORDER} does not say what to hold`);
  const pairs = Object.entries(rest).filter((pair): pair is [string, string] => pair[1] !== undefined);
  if (order.nodeOptions !== null) pairs.push(["NODE_OPTIONS", order.nodeOptions]);
  return { order, env: Object.fromEntries(pairs) };
}
