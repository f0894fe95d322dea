import { execFile } from "node:child_process";
import { systemClock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { abandonChild } from "../abandon-child.ts";
import type { GpuProbe, GpuReading } from "../probe.ts";
import { createProcessNamer } from "../process-owner.ts";
import { readNumaNode, type TopologyByGpu, TopologyCache } from "../topology.ts";
import {
  parseSmiCutBoards,
  parseSmiGpus,
  parseSmiLinks,
  parseSmiProcesses,
  type SmiGpu,
  smiGpuFields,
  smiProcessFields,
} from "./nvidia-smi-output.ts";

const csv = "--format=csv,noheader,nounits";

/**
 * Sees GPUs through the program nvidia-smi, where NVML itself cannot be used. Hundreds of times slower: each call
 * starts the program, which opens the driver anew. How the GPUs are connected is asked with the first reading.
 * @param program name or path, "nvidia-smi" by default.
 */
export function createSmiProbe(program = "nvidia-smi"): GpuProbe {
  let known: readonly GpuReading[] = [];
  let told: readonly SmiGpu[] = [];
  const nameProcesses = createProcessNamer();
  const topology = new TopologyCache((deadlineMs) => askTopology(program, told, deadlineMs));
  return {
    kind: "nvidia-smi",
    read: async (deadlineMs) => {
      const startMs = systemClock.monotonicMs();
      const query = [`--query-gpu=${smiGpuFields.join(",")}`, csv];
      const [output, list] = await Promise.all([
        runSmi(program, query, deadlineMs),
        runSmi(program, ["-L"], deadlineMs).catch(() => ({ text: "" })),
      ]);
      const { gpus, trouble } = parseSmiGpus(output.text);
      if (gpus.length === 0 && (output.failed !== null || trouble !== null))
        throw refused(trouble ?? output.failed);
      told = gpus;
      const cut = parseSmiCutBoards(list.text);
      const readings = gpus.map(({ reading }) =>
        cut.has(reading.uuid) ? withoutInstances(reading) : reading,
      );
      known = [...readings, ...findLost(known, readings, trouble)];
      return topology.addTo(known, deadlineMs - (systemClock.monotonicMs() - startMs));
    },
    processes: async (deadlineMs) => {
      const query = `--query-compute-apps=${smiProcessFields.join(",")}`;
      const output = await runSmi(program, [query, csv], deadlineMs);
      if (output.failed !== null) throw refused(output.failed);
      const found = parseSmiProcesses(output.text);
      const byGpu = known
        .filter((gpu) => gpu.health.ok)
        .map(async ({ uuid }) => {
          const processes = found.filter((process) => process.uuid === uuid);
          return [uuid, await nameProcesses(processes)] as const;
        });
      return new Map(await Promise.all(byGpu));
    },
    close: async () => {},
  };
}

/** NUMA nodes from sysfs, links from `nvidia-smi topo -m`, which only hosts with several GPUs are asked for. */
async function askTopology(
  program: string,
  gpus: readonly SmiGpu[],
  deadlineMs: number,
): Promise<TopologyByGpu> {
  const text = gpus.length < 2 ? "" : (await runSmi(program, ["topo", "-m"], deadlineMs)).text;
  const links = parseSmiLinks(text);
  const uuidAt = new Map(gpus.map(({ reading }) => [reading.index, reading.uuid]));
  const entries = gpus.map(async ({ reading: { uuid, index }, pciAddress }) => {
    const nvlinkPeers = (links.get(index) ?? []).flatMap((peer) => uuidAt.get(peer) ?? []);
    return [uuid, { numaNode: await readNumaNode(pciAddress), nvlinkPeers }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** In MIG mode a board takes no programs as a whole, and nvidia-smi does not list the memory of its instances. */
function withoutInstances(reading: GpuReading): GpuReading {
  const detail = "it is in MIG mode: its instances can be used through NVML only";
  const memory = { totalBytes: reading.memory.totalBytes, usedBytes: 0, freeBytes: 0 };
  return { ...reading, memory, health: { ok: false, detail } };
}

/** GPUs seen before and missing now, when nvidia-smi complains: they are lost rather than taken out. */
function findLost(
  known: readonly GpuReading[],
  now: readonly GpuReading[],
  trouble: string | null,
): readonly GpuReading[] {
  if (trouble === null) return [];
  const seen = new Set(now.map((reading) => reading.uuid));
  return known
    .filter((reading) => !seen.has(reading.uuid))
    .map((reading) => ({
      ...reading,
      memory: { totalBytes: reading.memory.totalBytes, usedBytes: 0, freeBytes: 0 },
      utilizationPercent: null,
      temperatureCelsius: null,
      powerWatts: null,
      health: { ok: false, detail: trouble },
    }));
}

function refused(why: string | null): Failure {
  return new Failure("gpu/unavailable", "nvidia-smi shows no GPUs", {
    why: why ?? undefined,
    hint: "nvidia-smi",
  });
}

/** Runs one query. `failed` is its complaint when it ended with an error; its text may still hold good lines. */
function runSmi(
  program: string,
  argv: readonly string[],
  deadlineMs: number,
): Promise<{ text: string; failed: string | null }> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, argv, { maxBuffer: 2 ** 22 }, (error, stdout, stderr) => {
      clearTimeout(timer);
      if (error && typeof error.code === "string") return reject(refused(error.message));
      const complaint = (stderr.trim() || stdout.trim()).split("\n")[0] ?? "";
      resolve({ text: stdout, failed: error ? complaint || `it ended with code ${error.code}` : null });
    });
    // Not execFile's own timeout: that one waits for the program's end, and a program in the driver may have none.
    const timer = setTimeout(() => {
      reject(
        new Failure("gpu/unavailable", `nvidia-smi gave no answer within ${deadlineMs} ms`, {
          hint: "nvidia-smi",
        }),
      );
      abandonChild(child);
    }, deadlineMs);
  });
}
