import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { bundleProgram } from "./bundle-program.ts";

/** A program of the tests in a process of its own, that says what it does line by line. Killed with its scope. */
export interface Child extends Disposable {
  readonly process: ChildProcess;
  /** The next line that it prints. Fails when it ends before. */
  nextLine(): Promise<string>;
  say(line: string): void;
  /** Kills it with SIGKILL; resolves once it has ended. */
  kill(): Promise<void>;
}

/** Starts a TypeScript file of the tests under plain node. */
export async function startChild(entry: string, ...args: readonly string[]): Promise<Child> {
  const path = await bundleProgram(entry);
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  return {
    process: child,
    async nextLine() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the program ended with ${child.exitCode ?? child.signalCode}`);
      return value;
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}
