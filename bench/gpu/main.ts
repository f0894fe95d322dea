// What it costs to give a GPU to another model and back: cold start, sleep, freeze, each beside what the bus allows; and two
// workers that do not fit together. Needs a GPU and PyTorch; says so and ends well where they are missing.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { createClient } from "../../src/client/client.ts";
import { makeHome, startDaemon } from "../kit/daemon.ts";
import { type Bench, measureSize, type Row } from "./steps.ts";
import { type Result, toMarkdown } from "./table.ts";
import { type Floors, measureFloors } from "./torch.ts";
import { type Proof, proveTwoWorkers, SHARE } from "./two-workers.ts";

const GIB = 2 ** 30;
/** A CUDA context, and what PyTorch keeps in blocks. */
const CONTEXT_BYTES = GIB;
/** Of the host's memory, beside the copies. */
const SPARE_BYTES = 4 * GIB;

const { values: options } = parseArgs({
  options: {
    /** GiB of weights, separated by commas; empty for none. */
    sizes: { type: "string", default: "1,10,60" },
    rounds: { type: "string", default: "4" },
    /** How often each of the two workers is used. */
    turns: { type: "string", default: "10" },
    /** Leaves the two workers out. */
    "no-pair": { type: "boolean", default: false },
    /** As `orch daemon --gpus` takes it. A virtual one says nothing about GPUs. */
    gpus: { type: "string", default: "auto" },
    /** File for the result as JSON. */
    json: { type: "string", default: "gpu-bench.json" },
  },
});

const floors = await measureFloors();
if (typeof floors === "string") {
  process.stdout.write(`skipped: ${floors}\n`);
  process.exitCode = process.env["ORCH_REQUIRE_GPU"] === "1" ? 1 : 0;
} else {
  const result = await measure(floors);
  fs.writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${toMarkdown(result)}\n`);
  if (!isProven(result.proof)) process.exitCode = 1;
}

async function measure(floors: Floors): Promise<Result> {
  const isVirtual = options.gpus.startsWith("virtual:");
  const home = makeHome();
  const daemon = await startDaemon({ home, gpus: options.gpus, env: driversOfTests() });
  const client = createClient(daemon.socket);
  const contextBytes = isVirtual ? 0 : CONTEXT_BYTES;
  const bench: Bench = { client, home, floors, contextBytes, rounds: Number(options.rounds) };
  const found: Result = {
    ...{ floors, driver: driverVersion(), cpu: cpuName(), rows: [], skipped: [], proof: null },
    standIn: isVirtual ? `a virtual GPU, and ${floors.device}` : null,
  };
  const rows: Row[] = [];
  const skipped: string[] = [];
  try {
    for (const bytes of sizesInBytes(options.sizes)) {
      const why = whyTooLarge(bytes + contextBytes, bytes, floors);
      if (why === null) rows.push(...(await measureSize(bench, bytes)));
      else skipped.push(`${bytes / GIB} GiB, ${why}`);
      // What is measured is kept if the rest takes longer than there is time.
      keep({ ...found, rows, skipped });
    }
    if (options["no-pair"]) return { ...found, rows, skipped };
    const weightBytes = floors.totalBytes * SHARE;
    const sleeps = whyTooLarge(weightBytes, 2 * weightBytes, floors) === null;
    return { ...found, rows, skipped, proof: await proveTwoWorkers(bench, Number(options.turns), sleeps) };
  } finally {
    await daemon.stop();
  }
}

function keep(result: Result): void {
  fs.writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  process.stderr.write(`${toMarkdown(result)}\n\n`);
}

function sizesInBytes(text: string): number[] {
  const sizes = text.split(",").filter((size) => size.trim() !== "");
  return sizes.map((size) => Math.round(Number(size) * GIB));
}

/** Why what takes that much of the GPU, and of the host's memory for its copies, cannot be measured here; or null. */
function whyTooLarge(vramBytes: number, ramBytes: number, { totalBytes }: Floors): string | null {
  if (vramBytes > totalBytes) return "more than the GPU has";
  return ramBytes + SPARE_BYTES > availableBytes() ? "more than the host has memory for beside it" : null;
}

/** MemAvailable of proc_meminfo(5). */
function availableBytes(): number {
  const text = fs.readFileSync("/proc/meminfo", "utf8");
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Without trouble under orch, and with trouble without it: else nothing is proven. */
function isProven(proof: Proof | null): boolean {
  if (proof === null) return true;
  return proof.failures.length === 0 && proof.byHand.some((said) => said.startsWith("out of memory"));
}

function driversOfTests(): Record<string, string> {
  const wanted = ([name, value]: [string, string | undefined]): [string, string][] =>
    value !== undefined && /^ORCH_(CUDA|NVML)_LIBRARY$|^ORCH_FAKE_/.test(name) ? [[name, value]] : [];
  return Object.fromEntries(Object.entries(process.env).flatMap(wanted));
}

function driverVersion(): string | null {
  try {
    const args = ["--query-gpu=driver_version", "--format=csv,noheader"];
    return execFileSync("nvidia-smi", args, { encoding: "utf8" }).split("\n")[0]?.trim() ?? null;
  } catch {
    return null;
  }
}

function cpuName(): string {
  return `${os.availableParallelism()} × ${os.cpus()[0]?.model ?? "unknown processor"}`;
}
