import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure } from "../../std/failure.ts";
import { abandonChild } from "../abandon-child.ts";
import { HelperMessage, type HelperOperation, type HelperRequest } from "./nvml-wire.ts";

export interface HelperLaunch {
  /** A program of serve-helper.ts, built. */
  readonly helperPath: string;
  /** libnvidia-ml to open, or null for the usual places. */
  readonly libraryPath: string | null;
  readonly env: NodeJS.ProcessEnv;
}

/** How the helper's start went. */
export type Hello = Extract<HelperMessage, { hello: string }>;

/** A running helper. Calls have no deadline here: whoever waits decides, and calls `abandon`. */
export interface HelperChild {
  readonly process: ChildProcess;
  /** Rejects when the helper goes before it says hello. */
  readonly hello: Promise<Hello>;
  /** Rejects with Failure when NVML refuses, or when the helper goes first. */
  ask(op: HelperOperation): Promise<unknown>;
  /** Fails what is under way with `reason`, kills the helper and lets go of it without waiting. */
  abandon(reason: string): void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (failure: Failure) => void;
}

/** Whom the helper talks to, for messages. */
export interface HelperNames {
  readonly name: string;
  readonly way: string;
  readonly hint: string;
}

/** Starts a helper. `onGone` is told once, when it ended or was abandoned. */
export function startHelper(
  launch: HelperLaunch,
  names: HelperNames,
  onGone: (reason: string) => void,
): HelperChild {
  const child = spawnHelper(launch);
  const waiting = new Map<number, Waiting>();
  let gone = false;
  let nextId = 1;
  let errorText = "";
  let greet: (hello: Hello) => void = () => {};
  let refuse: (failure: Failure) => void = () => {};
  const hello = new Promise<Hello>((resolve, reject) => {
    greet = resolve;
    refuse = reject;
  });
  // Its failure also reaches those who ask; nobody need await the hello itself.
  hello.catch(() => {});

  const end = (reason: string): void => {
    if (gone) return;
    gone = true;
    const failure = new Failure("gpu/unavailable", `${names.name} gave no answer`, {
      why: reason,
      hint: names.hint,
    });
    refuse(failure);
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
    onGone(reason);
  };
  const hear = (message: HelperMessage): void => {
    if ("hello" in message) {
      greet(message);
      return;
    }
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.ok) asked?.resolve(message.value);
    else asked?.reject(Failure.fromBody(message.failure));
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = parseMessage(line);
    if (message) hear(message);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errorText = (errorText + chunk.toString()).slice(-2000);
  });
  child.on("error", (error) => end(`the ${names.way} helper cannot be started: ${error.message}`));
  child.on("close", (code, signal) => end(describeEnd(names.way, code, signal, errorText)));
  return {
    process: child,
    hello,
    ask: async (op) => {
      await hello;
      const id = nextId++;
      return new Promise((resolve, reject) => {
        if (gone) return reject(new Failure("gpu/unavailable", `the ${names.way} helper has ended`));
        waiting.set(id, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id, op } satisfies HelperRequest)}\n`);
      });
    },
    abandon: (reason) => {
      end(reason);
      abandonChild(child);
    },
  };
}

function spawnHelper({ helperPath, libraryPath, env }: HelperLaunch): ChildProcessWithoutNullStreams {
  const argv = libraryPath === null ? [helperPath] : [helperPath, libraryPath];
  // Options meant for the daemon's node (a debugger's port, a preloaded module) are not for the helper.
  const { NODE_OPTIONS: _, ...rest } = env;
  const child = spawn(process.execPath, argv, { env: rest, stdio: "pipe" });
  // A write to a helper that just ended; its "close" says so too.
  child.stdin.on("error", () => {});
  return child;
}

/** Null for a line that is not ours: the driver's library may print. */
function parseMessage(line: string): HelperMessage | null {
  try {
    return HelperMessage.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

function describeEnd(way: string, code: number | null, signal: string | null, errorText: string): string {
  // Of node's report on an uncaught error, the line that names it.
  const cause = errorText.split("\n").find((line) => /Error\b/.test(line));
  const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
  return `the ${way} helper ${how}${cause ? `: ${cause.trim()}` : ""}`;
}
