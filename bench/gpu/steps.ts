import fs from "node:fs";
import path from "node:path";
import type { Client } from "../../src/client/client.ts";
import { median } from "../kit/statistics.ts";
import { type Floors, weightsRuntime } from "./torch.ts";
import { endWorker, moveTo, runJob, workerOf } from "./workers.ts";

/** One measured step of workers of one size, beside the least that the bus allows. */
export interface Row {
  readonly bytes: number;
  readonly step: "cold start" | "sleep" | "wake" | "freeze" | "thaw";
  /** The first one, and the middle one of those after it; null = it did not work, and `note` says why. */
  readonly firstMs: number | null;
  readonly laterMs: number | null;
  readonly floorMs: number;
  readonly note: string | null;
}

export interface Bench {
  readonly client: Client;
  readonly home: string;
  readonly floors: Floors;
  /** What a worker holds of a GPU besides its weights. */
  readonly contextBytes: number;
  readonly rounds: number;
}

/** The rows of workers of one size: the cold start, and how they give the GPU back by themselves and by the driver. */
export async function measureSize(bench: Bench, bytes: number): Promise<Row[]> {
  const sleeping = await measureWay(bench, bytes, { level: "1", down: "sleep", up: "wake" });
  const freezing = await measureWay(bench, bytes, { level: "freeze", down: "freeze", up: "thaw" });
  return [...sleeping, ...freezing.filter(({ step }) => step !== "cold start")];
}

interface Way {
  readonly level: "1" | "freeze";
  readonly down: "sleep" | "freeze";
  readonly up: "wake" | "thaw";
}

async function measureWay(bench: Bench, bytes: number, way: Way): Promise<Row[]> {
  const { client, home, floors, contextBytes, rounds } = bench;
  const runtime = `${way.down}-${bytes}`;
  const sleep = `{ level: ${way.level}, residue: ${contextBytes}B, ram: ${bytes}B, timeout: 5m }`;
  install(home, runtime, weightsRuntime(runtime, { bytes, vramBytes: bytes + contextBytes, sleep }));
  const samples: Record<"cold" | "down" | "up", number[]> = { cold: [], down: [], up: [] };
  let note: string | null = null;
  try {
    const start = () => client.call("POST /workers/start", { runtime, params: {} });
    samples.cold.push(await moveTo(client, { runtime, state: "ready" }, start));
    for (let round = 0; round < rounds && note === null; round++) note = await turn(client, runtime, samples);
  } catch (error) {
    note = error instanceof Error ? error.message : String(error);
  }
  await endWorker(client, runtime);
  const toGpuMs = (bytes / floors.toGpuPerS) * 1000;
  const toHostMs = (bytes / floors.toHostPerS) * 1000;
  return [
    rowOf(bytes, "cold start", samples.cold, toGpuMs, samples.cold.length === 0 ? note : null),
    rowOf(bytes, way.down, samples.down, toHostMs, note),
    rowOf(bytes, way.up, samples.up, toGpuMs, note),
  ];
}

/** Down, up, and a look at the weights. @returns what was wrong with them, or null */
async function turn(
  client: Client,
  runtime: string,
  samples: { down: number[]; up: number[] },
): Promise<string | null> {
  const worker = (await workerOf(client, runtime))?.name ?? "";
  const lay = () => client.call("POST /workers/:worker/sleep", { worker });
  samples.down.push(await moveTo(client, { runtime, state: "asleep" }, lay));
  const wake = () => client.call("POST /workers/:worker/wake", { worker });
  samples.up.push(await moveTo(client, { runtime, state: "ready" }, wake));
  return runJob(client, runtime);
}

function rowOf(
  bytes: number,
  step: Row["step"],
  [first, ...later]: readonly number[],
  floorMs: number,
  note: string | null,
): Row {
  return {
    ...{ bytes, step, floorMs, note },
    firstMs: first ?? null,
    laterMs: later.length === 0 ? null : median(later),
  };
}

/** Writes a runtime into the daemon's home. */
export function install(home: string, name: string, yaml: string): void {
  const dir = path.join(home, "runtimes", name);
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, "runtime.yaml"), yaml);
}
