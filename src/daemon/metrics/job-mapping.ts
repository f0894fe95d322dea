import fs from "node:fs/promises";
import path from "node:path";
import type { Logger } from "pino";
import type { GpuSample } from "../../gpu/sample.ts";
import type { Gpu, State } from "../../scheduler/model.ts";
import { isRequestId } from "../../scheduler/request-jobs.ts";
import type { Changes } from "../../scheduler/transition.ts";

/**
 * Files from which NVIDIA's dcgm-exporter (--hpc-job-mapping-dir) learns which jobs are on which GPU: each is named by the
 * index of a GPU (0), or of a board and its instance (0.7), and has one job id a line. No file = no job.
 */
export interface JobMapping {
  /** Has the files brought up to date if the changes may concern them. */
  note(changes: Pick<Changes, "attemptsStarted" | "attemptsEnded">): void;
  /** The GPUs were looked at: one may have another index now. */
  noteSample(): void;
  /** Removes them: nobody keeps them true any more. */
  stop(): Promise<void>;
}

interface Parts {
  /** Null = no files are asked for. */
  readonly dir: string | null;
  readonly state: () => State;
  readonly latestSample: () => Pick<GpuSample, "gpus">;
  readonly log: Pick<Logger, "warn">;
}

/** What the exporter takes for a file of a GPU: its index, and for a MIG instance the number of that. */
const MAPPING_FILE = /^\d+(\.\d+)?$/;

/** Makes the files true, those that an earlier daemon left included. Trouble with them is logged and nothing else. */
export function createJobMapping({ dir, state, latestSample, log }: Parts): JobMapping {
  if (dir === null) return { note: () => {}, noteSample: () => {}, stop: async () => {} };
  /** What the files say; null = they have not been looked at. */
  let written: Map<string, string> | null = null;
  let trouble: string | null = null;
  let isDue = false;
  let isStopped = false;
  const pass = async (): Promise<void> => {
    isDue = false;
    try {
      written ??= await readFiles(dir);
      await writeFiles(dir, written, isStopped ? new Map() : jobsByGpu(state(), latestSample()));
      trouble = null;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== trouble) log.warn({ err: error }, "the job mapping for dcgm-exporter cannot be written");
      trouble = text;
      written = null;
    }
  };
  let last = Promise.resolve();
  const look = (): void => {
    if (isDue) return;
    isDue = true;
    last = last.then(pass);
  };
  look();
  return {
    note({ attemptsStarted, attemptsEnded }) {
      if (attemptsStarted.length > 0 || attemptsEnded.length > 0) look();
    },
    noteSample: look,
    async stop() {
      isStopped = true;
      look();
      await last;
    },
  };
}

async function readFiles(dir: string): Promise<Map<string, string>> {
  await fs.mkdir(dir, { recursive: true });
  const names = (await fs.readdir(dir)).filter((name) => MAPPING_FILE.test(name));
  const texts = names.map(async (name) => [name, await fs.readFile(path.join(dir, name), "utf8")] as const);
  return new Map(await Promise.all(texts));
}

/** The exporter reads at any moment: what it finds is whole. */
async function writeFiles(
  dir: string,
  written: Map<string, string>,
  wanted: ReadonlyMap<string, string>,
): Promise<void> {
  for (const name of [...written.keys()]) {
    if (wanted.has(name)) continue;
    await fs.rm(path.join(dir, name), { force: true });
    written.delete(name);
  }
  for (const [name, text] of wanted) {
    if (written.get(name) === text) continue;
    const draft = path.join(dir, `.${name}.new`);
    await fs.writeFile(draft, text, { mode: 0o644 });
    await fs.rename(draft, path.join(dir, name));
    written.set(name, text);
  }
}

/** Text by name of its file; nothing for an instance whose number the driver does not tell. */
function jobsByGpu({ gpus }: State, sample: Pick<GpuSample, "gpus">): Map<string, string> {
  const names = new Map(sample.gpus.map(({ reading }) => [reading.uuid, reading.instance]));
  const found = [...gpus.values()].map((gpu) => {
    const name = gpu.parent === null ? String(gpu.index) : (names.get(gpu.uuid) ?? "");
    return [name, jobsOn(gpu)] as const;
  });
  return new Map(found.filter(([name, text]) => name !== "" && text !== ""));
}

function jobsOn({ leases }: Gpu): string {
  const ids = [...leases].flatMap(({ worker }) => [...worker.jobs].map(({ id }) => id));
  return ids
    .filter((id) => !isRequestId(id))
    .sort((left, right) => left - right)
    .map((id) => `${id}\n`)
    .join("");
}
