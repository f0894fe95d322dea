import type { ChildProcess } from "node:child_process";
import type { InterruptSignal, Io } from "../cli/io.ts";
import type { Client } from "../client/client.ts";
import type { Feed } from "./feed/feed.ts";
import { type DaemonOrder, isForDaemon, perform } from "./perform.ts";
import { isReading, runAtTerminal, runCaptured, takesTerminal } from "./run-verb.ts";
import type { Screen } from "./screen.ts";
import type { Order } from "./state/orders.ts";
import { createLoan } from "./terminal/loan.ts";
import type { Terminal } from "./terminal/terminal.ts";

export interface ConductorOptions {
  readonly io: Io;
  readonly client: Client;
  readonly feed: Feed;
  readonly screen: Screen;
  readonly terminal: Terminal;
  readonly isReadOnly: boolean;
  readonly signal: AbortSignal;
}

/** Does what the screen itself cannot: talks to the daemon, hands the terminal over, ends. */
export interface Conductor {
  obey(order: Order): void;
  /** The exit code. Rejects when something in here broke. */
  readonly ended: Promise<number>;
  close(): void;
}

const signalExit: Readonly<Record<InterruptSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Listens to signals until `close`. */
export function createConductor(options: ConductorOptions): Conductor {
  const { client, feed, screen, terminal } = options;
  const loan = createLoan(terminal, screen);
  const guests = new Set<ChildProcess>();
  let end: (code: number) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const ended = new Promise<number>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const ask = async (order: DaemonOrder): Promise<void> => {
    if (order.type === "switch") screen.say(`switching to ${order.runtime} …`, "dim");
    const { text, role } = await perform(client, order);
    screen.say(text, role);
    feed.refresh();
  };
  const run = async (words: readonly string[]): Promise<void> => {
    if (takesTerminal(words) && mayRun(options, words))
      await loan.lend(() => host(options.io, words, guests));
    else await runBeside(options, words);
    feed.refresh();
  };
  const stopListening = listenToWorld(options, {
    fail,
    onContinue: loan.takeBack,
    onSignal(signal) {
      // At the terminal of a guest Ctrl-C is the guest's.
      if (loan.isLent && signal === "SIGINT") return;
      for (const guest of guests) guest.kill("SIGTERM");
      end(signalExit[signal]);
    },
  });
  return {
    ended,
    obey(order) {
      if (order.type === "quit") end(0);
      else if (order.type === "suspend") loan.suspend();
      else if (order.type === "redraw") screen.redraw();
      else if (order.type === "mouse") {
        terminal.setMouse(order.isOn);
        screen.say(order.isOn ? "mouse on: m gives it back to the terminal" : "mouse off", "dim");
      } else if (isForDaemon(order)) void ask(order).catch(fail);
      else void run(order.type === "attach" ? ["attach", String(order.job)] : order.words).catch(fail);
    },
    close() {
      stopListening();
      loan.close();
    },
  };
}

/** Refuses what this screen is not for, and says so. */
function mayRun({ screen, isReadOnly }: ConductorOptions, words: readonly string[]): boolean {
  if (words[0] === "top") screen.say("this is orch top", "dim");
  else if (isReadOnly && !isReading(words))
    screen.say(`this screen is read-only (--readonly): ${words.join(" ")}`, "warn");
  else return true;
  return false;
}

/** Runs a command and shows what it printed: one line at the bottom, more on a page. */
async function runBeside(options: ConductorOptions, words: readonly string[]): Promise<void> {
  if (!mayRun(options, words)) return;
  const { io, screen } = options;
  const line = `orch ${words.join(" ")}`;
  screen.say(`${line} …`, "dim");
  const { code, lines } = await runCaptured(io, words);
  if (lines.length <= 1) screen.say(lines[0] ?? `${line}: done`, code === 0 ? "good" : "bad");
  else screen.change({ message: null, mode: { kind: "output", title: line, lines, top: 0 } });
}

/** Lets a command have the terminal. Who leaves an attached job comes straight back; what else was printed stays for a key. */
async function host(io: Io, words: readonly string[], guests: Set<ChildProcess>): Promise<void> {
  let guest: ChildProcess | undefined;
  const code = await runAtTerminal(io, words, (child) => {
    guest = child;
    guests.add(child);
  });
  if (guest !== undefined) guests.delete(guest);
  if (words[0] === "attach" && code === 0) return;
  io.stdout.write(`\n[orch ${words.join(" ")} ended with ${code}; Enter comes back] `);
  await pressedEnter(io);
}

interface World {
  readonly onSignal: (signal: InterruptSignal) => void;
  readonly fail: (error: unknown) => void;
  readonly onContinue: () => void;
}

/** Signals, faults, and the end of the terminal itself; gives what undoes it. */
function listenToWorld({ io, signal }: ConductorOptions, world: World): () => void {
  const gone = (): void => world.onSignal("SIGHUP");
  const names = Object.keys(signalExit) as InterruptSignal[];
  const undo = names.map((name) => io.onSignal(name, () => world.onSignal(name)));
  undo.push(io.onSignal("SIGCONT", world.onContinue));
  signal.addEventListener("abort", gone, { once: true });
  io.stdin.on("end", gone);
  io.stdin.on("error", gone);
  process.on("uncaughtException", world.fail);
  process.on("unhandledRejection", world.fail);
  return () => {
    for (const each of undo) each();
    signal.removeEventListener("abort", gone);
    io.stdin.off("end", gone);
    process.off("uncaughtException", world.fail);
    process.off("unhandledRejection", world.fail);
  };
}

function pressedEnter({ stdin }: Io): Promise<void> {
  return new Promise((resolve) => {
    stdin.once("data", () => {
      stdin.pause();
      resolve();
    });
    stdin.resume();
  });
}
