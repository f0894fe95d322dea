import fs from "node:fs/promises";
import path from "node:path";

export interface SweepOptions {
  readonly jobsDir: string;
  readonly workersDir: string;
  /** Logs of what goes on are never removed. */
  readonly isLiveJob: (jobId: number) => boolean;
  readonly isLiveWorker: (workerId: number) => boolean;
  readonly nowMs: number;
  /** Logs last written to longer ago are removed; null = none for their age. */
  readonly maxAgeMs: number | null;
  /** What all logs together may take on disk: the oldest go first. Null = as much as they like. */
  readonly totalBytes: number | null;
}

export interface Swept {
  readonly files: number;
  readonly bytes: number;
  /** What the logs take on disk that were left. */
  readonly leftBytes: number;
}

interface Logs {
  readonly files: readonly string[];
  /** What they take on disk, holes not counted. */
  readonly bytes: number;
  readonly newestMs: number;
}

const ATTEMPT_LOG = /^attempt-\d+\.log(\.|$)/;
const WORKER_LOG = /^(\d+)\.log(\.|$)/;
const BLOCK_BYTES = 512;

/**
 * Removes logs of ended jobs and workers that are too old, then the oldest until the rest takes no more than it may. A million
 * jobs are gone through folder by folder, so that neither memory nor the event loop feels it.
 */
export async function sweepLogs(options: SweepOptions): Promise<Swept> {
  const swept = { files: 0, bytes: 0, leftBytes: 0 };
  const remove = async (logs: Logs): Promise<void> => {
    for (const file of logs.files) await fs.rm(file, { force: true });
    swept.files += logs.files.length;
    swept.bytes += logs.bytes;
  };
  const isOld = ({ newestMs }: Logs): boolean =>
    options.maxAgeMs !== null && options.nowMs - newestMs > options.maxAgeMs;
  for await (const logs of everyLog(options)) {
    if (!logs.isLive && isOld(logs)) await remove(logs);
    else swept.leftBytes += logs.bytes;
  }
  if (options.totalBytes === null) return swept;
  for await (const logs of everyLog(options)) {
    if (swept.leftBytes <= options.totalBytes) break;
    if (logs.isLive) continue;
    await remove(logs);
    swept.leftBytes -= logs.bytes;
  }
  return swept;
}

/** Logs of jobs, oldest first, then those of workers. */
async function* everyLog(options: SweepOptions): AsyncGenerator<Logs & { readonly isLive: boolean }> {
  for (const shard of await numbersIn(options.jobsDir)) {
    const dir = path.join(options.jobsDir, String(shard));
    for (const id of await numbersIn(dir)) {
      const names = (await namesIn(path.join(dir, String(id)))).filter((name) => ATTEMPT_LOG.test(name));
      if (names.length === 0) continue;
      const files = names.map((name) => path.join(dir, String(id), name));
      yield { ...(await measure(files)), isLive: options.isLiveJob(id) };
    }
  }
  const ofWorkers = new Map<number, string[]>();
  for (const name of await namesIn(options.workersDir)) {
    const id = Number(WORKER_LOG.exec(name)?.[1]);
    if (Number.isNaN(id)) continue;
    ofWorkers.set(id, [...(ofWorkers.get(id) ?? []), path.join(options.workersDir, name)]);
  }
  for (const [id, files] of [...ofWorkers].toSorted(([left], [right]) => left - right))
    yield { ...(await measure(files)), isLive: options.isLiveWorker(id) };
}

async function measure(files: readonly string[]): Promise<Logs> {
  let bytes = 0;
  let newestMs = 0;
  for (const file of files) {
    const stat = await fs.stat(file).catch(() => null);
    bytes += (stat?.blocks ?? 0) * BLOCK_BYTES;
    newestMs = Math.max(newestMs, stat?.mtimeMs ?? 0);
  }
  return { files, bytes, newestMs };
}

async function namesIn(dir: string): Promise<string[]> {
  return fs.readdir(dir).catch(() => []);
}

async function numbersIn(dir: string): Promise<number[]> {
  const names = await namesIn(dir);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((left, right) => left - right);
}
