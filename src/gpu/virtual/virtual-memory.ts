import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseBytes } from "../../std/bytes.ts";
import type { Clock } from "../../std/clock.ts";
import type { ListedProcess } from "../probe.ts";
import { readProcessStart } from "../process-start.ts";

/** Start times are true to some 20 ms, and the times of files to a tick of the kernel. */
const toleranceMs = 1000;

/**
 * What programs say they hold of virtual GPUs, by the GPU's index. A program writes a file `INDEX-PID` (`0-4242`)
 * with an amount ("9GiB") into the folder, and again when it holds more or less; when it ends it holds nothing. Files
 * that say nothing, or whose pid went to a later program, are passed over. A folder that is missing holds nothing.
 */
export async function readHeldMemory(
  folder: string,
  clock: Clock,
): Promise<ReadonlyMap<number, readonly ListedProcess[]>> {
  const names = await readdir(folder).catch((): string[] => []);
  const found = await Promise.all(names.map((name) => readHolder(folder, name, clock)));
  const byGpu = new Map<number, ListedProcess[]>();
  for (const holder of found) {
    if (holder === null) continue;
    byGpu.set(holder.gpu, [...(byGpu.get(holder.gpu) ?? []), holder.process]);
  }
  return byGpu;
}

async function readHolder(
  folder: string,
  name: string,
  clock: Clock,
): Promise<{ gpu: number; process: ListedProcess } | null> {
  const match = /^(\d+)-([1-9]\d*)$/.exec(name);
  if (!match) return null;
  const pid = Number(match[2]);
  const path = join(folder, name);
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const start = await readProcessStart(pid, clock);
    const isItsOwn = start?.isRunning === true && (start.startedAtMs ?? 0) <= mtimeMs + toleranceMs;
    return isItsOwn ? { gpu: Number(match[1]), process: { pid, vramBytes: parseBytes(text) } } : null;
  } catch {
    // It is being written or was just removed: the next reading sees it.
    return null;
  }
}
