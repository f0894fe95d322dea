import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { Launch } from "../engine.ts";
import type { ContainerRef } from "./container-cli.ts";

const FILE = "container";

/**
 * Notes in the control folder which container a worker is, before it is started: later daemons go by this, whatever
 * the runtime's file or the config says by then.
 * @throws Failure engine/failed
 */
export function writeContainerFile(launch: Launch, ref: ContainerRef): void {
  try {
    mkdirSync(launch.dir, { recursive: true, mode: 0o750 });
    writeFileSync(join(launch.dir, FILE), JSON.stringify(ref), { mode: 0o600 });
  } catch (error) {
    throw new Failure("engine/failed", `cannot write the control folder of worker ${launch.workerId}`, {
      why: error instanceof Error ? error.message : String(error),
      hint: "orch paths",
      cause: error,
    });
  }
}

/**
 * The container of the worker whose control folder is `dir`; null for a plain process.
 * @throws the system's error when the file is there and cannot be read
 */
export function readContainerFile(dir: string): ContainerRef | null {
  let text: string;
  try {
    text = readFileSync(join(dir, FILE), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as ContainerRef;
  } catch {
    // Cut short: the disk was full or the host went down while it was written, so the start came to nothing.
    return null;
  }
}
