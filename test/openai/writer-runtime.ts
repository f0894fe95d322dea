import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../kit/host.ts";

const HANDLER = `
import os, re, time
from orch_sdk import serve

class Handler:
    def load(self, params):
        pass

    def run(self, params, ctx):
        wishes = dict(re.findall(r"(\\w+)=(\\S+)", params["prompt"]))
        if "die" in wishes and os.path.exists(wishes["die"]):
            os.remove(wishes["die"])
            os._exit(3)
        ctx.write("one ")
        while "wait" in wishes and not os.path.exists(wishes["wait"]):
            ctx.check_cancelled()
            time.sleep(0.005)
        if "fail" in wishes:
            raise ValueError("told to fail")
        if "break" in wishes and os.path.exists(wishes["break"]):
            os.remove(wishes["break"])
            os._exit(3)
        ctx.write("two\\n")
        while "hold" in wishes and not os.path.exists(wishes["hold"]):
            ctx.check_cancelled()
            time.sleep(0.005)
        if "plain" in wishes:
            return None
        usage = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
        return {"text": "one two\\nthree", "finishReason": "length", "usage": usage, "params": params}

serve(Handler())
`;

/**
 * Adds a resident runtime that writes "one ", "two\n" and returns a text with "three" behind them. Its prompt tells it how to behave:
 * wait=FILE until it is there before the second piece; hold=FILE before the end; fail=1 after the first piece; break=FILE: its process ends there, and removes the file;
 * die=FILE: before the first piece; plain=1: it returns nothing.
 */
export function addWriter(host: Pick<Host, "addRuntime">, name: string, more = ""): void {
  host.addRuntime(
    name,
    `name: ${name}
summary: writes a text piece by piece
command: [python3, handler.py]
gpu: { count: 1, vram: 8GiB }
timeouts: { ready: 30s, stop: 2s }
params:
  prompt: { type: string, required: true }
  system: { type: string, default: "" }
  temperature: { type: number, default: 0.5 }
  max_new_tokens: { type: integer, default: 9, max: 100 }
${more}`,
    { "handler.py": HANDLER },
  );
}

/** A file that a handler waits for. */
export interface Gate {
  readonly path: string;
  open(): void;
}

let count = 0;

/** A gate that is shut. */
export function newGate({ home }: Pick<Host, "home">): Gate {
  count += 1;
  const path = join(home, `gate-${count}`);
  return { path, open: () => writeFileSync(path, "") };
}
