import fs from "node:fs/promises";
import path from "node:path";
import { jobStates } from "../../protocol/list-fields.ts";
import type { Clock } from "../../std/clock.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Queries } from "../../store/queries.ts";

interface Parts {
  /** Folders of files, and of folders with files. */
  readonly dirs: readonly string[];
  readonly queries: Pick<Queries, "jobs">;
  readonly clock: Clock;
}

const KEPT_MS = 7 * 86_400_000;
const SWEEP_MS = 3_600_000;
const ROWS = 100;
const ended: readonly string[] = ["succeeded", "failed", "cancelled"];

/**
 * Removes what came as files for jobs (sent, or put aside by the CLI, which may have been killed before it submitted anything) a
 * week after its last use, every hour; what a job waits with stays. @returns what stops it
 */
export function startInputSweep(parts: Parts): () => void {
  const sweep = (): void => void sweepInputs(parts).catch(() => undefined);
  const timer = setInterval(sweep, SWEEP_MS);
  timer.unref();
  sweep();
  return () => clearInterval(timer);
}

/** Goes through them once. */
async function sweepInputs({ dirs, queries, clock }: Parts): Promise<void> {
  const beforeMs = clock.nowMs() - KEPT_MS;
  const old: string[] = [];
  for (const dir of dirs) old.push(...(await oldFiles(dir, beforeMs)));
  if (old.length === 0) return;
  const used = await usedFiles(dirs, queries);
  // Somebody may have named one meanwhile.
  for (const file of old) {
    if (used.has(file) || !(await isOlder(file, beforeMs))) continue;
    await fs.rm(file, { force: true });
    // A folder of its own goes with it; one that holds more stays.
    const dir = path.dirname(file);
    if (!dirs.includes(dir)) await fs.rmdir(dir).catch(() => undefined);
  }
}

async function oldFiles(dir: string, beforeMs: number): Promise<string[]> {
  const old: string[] = [];
  for (const entry of await fs.readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const at = path.join(dir, entry.name);
    const files = entry.isDirectory()
      ? (await fs.readdir(at).catch(() => [])).map((name) => path.join(at, name))
      : [at];
    for (const file of files) if (await isOlder(file, beforeMs)) old.push(file);
  }
  return old;
}

async function isOlder(file: string, beforeMs: number): Promise<boolean> {
  const stats = await fs.lstat(file).catch(() => null);
  return stats !== null && stats.mtimeMs < beforeMs;
}

async function usedFiles(dirs: readonly string[], queries: Parts["queries"]): Promise<Set<string>> {
  const isAmong = (value: string): boolean => dirs.some((dir) => value.startsWith(`${dir}/`));
  const used = new Set<string>();
  const states = jobStates.filter((state) => !ended.includes(state));
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = queries.jobs({ states, runtime: null, before, limit: ROWS });
    for (const { params } of rows)
      for (const value of Object.values(params))
        if (typeof value === "string" && isAmong(value)) used.add(value);
    const last = rows.at(-1);
    if (rows.length < ROWS || last === undefined) return used;
    before = last.id;
    await giveWay();
  }
}
