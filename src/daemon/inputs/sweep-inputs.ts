import fs from "node:fs/promises";
import path from "node:path";
import { jobStates } from "../../protocol/list-fields.ts";
import type { Clock } from "../../std/clock.ts";
import { giveWay } from "../../std/give-way.ts";
import type { Queries } from "../../store/queries.ts";

interface Parts {
  readonly dir: string;
  readonly queries: Pick<Queries, "jobs">;
  readonly clock: Clock;
}

const KEPT_MS = 7 * 86_400_000;
const SWEEP_MS = 3_600_000;
const ROWS = 100;
const ended: readonly string[] = ["succeeded", "failed", "cancelled"];

/** Removes what callers gave as files a week after its last use, every hour; what a job waits with stays. @returns what stops it */
export function startInputSweep(parts: Parts): () => void {
  const sweep = (): void => void sweepInputs(parts).catch(() => undefined);
  const timer = setInterval(sweep, SWEEP_MS);
  timer.unref();
  sweep();
  return () => clearInterval(timer);
}

/** Goes through them once. */
async function sweepInputs({ dir, queries, clock }: Parts): Promise<void> {
  const beforeMs = clock.nowMs() - KEPT_MS;
  const old = await oldFiles(dir, beforeMs);
  if (old.length === 0) return;
  const used = await usedFiles(dir, queries);
  // Somebody may have named one meanwhile.
  for (const file of old)
    if (!used.has(file) && (await isOlder(file, beforeMs))) await fs.rm(file, { force: true });
}

async function oldFiles(dir: string, beforeMs: number): Promise<string[]> {
  const old: string[] = [];
  for (const uid of await fs.readdir(dir).catch(() => []))
    for (const name of await fs.readdir(path.join(dir, uid)).catch(() => [])) {
      const file = path.join(dir, uid, name);
      if (await isOlder(file, beforeMs)) old.push(file);
    }
  return old;
}

async function isOlder(file: string, beforeMs: number): Promise<boolean> {
  const stats = await fs.lstat(file).catch(() => null);
  return stats !== null && stats.mtimeMs < beforeMs;
}

async function usedFiles(dir: string, queries: Parts["queries"]): Promise<Set<string>> {
  const used = new Set<string>();
  const states = jobStates.filter((state) => !ended.includes(state));
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = queries.jobs({ states, runtime: null, before, limit: ROWS });
    for (const { params } of rows)
      for (const value of Object.values(params))
        if (typeof value === "string" && value.startsWith(`${dir}/`)) used.add(value);
    const last = rows.at(-1);
    if (rows.length < ROWS || last === undefined) return used;
    before = last.id;
    await giveWay();
  }
}
