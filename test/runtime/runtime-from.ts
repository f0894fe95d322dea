import { parseRuntime } from "../../src/runtime/parse.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";

/** A runtime called demo, out of the text of its file after the name. */
export function runtimeFrom(text: string): Runtime {
  return parseRuntime(`name: demo\n${text}`, { dir: "/srv/runtimes/demo", origin: "project" });
}
