import type { Row } from "./steps.ts";
import type { Floors } from "./torch.ts";
import type { Proof } from "./two-workers.ts";

const GIB = 2 ** 30;

/** All that one run of the benchmark found. */
export interface Result {
  readonly floors: Floors;
  readonly driver: string | null;
  readonly cpu: string;
  /** Why what was measured says nothing about GPUs; null on a real one. */
  readonly standIn: string | null;
  readonly rows: readonly Row[];
  readonly skipped: readonly string[];
  readonly proof: Proof | null;
}

/** The result as a page of Markdown. */
export function toMarkdown({ floors, driver, cpu, standIn, rows, skipped, proof }: Result): string {
  const rate = (perSecond: number): string => `${(perSecond / GIB).toFixed(1)} GiB/s`;
  return [
    standIn === null ? "" : `**Not a GPU: ${standIn}. These figures only show that the benchmark runs.**\n`,
    `${floors.device}, ${sizeOf(floors.totalBytes)}, driver ${driver ?? "unknown"}, PyTorch ${floors.torch}, ${cpu}; page-locked`,
    `memory to the GPU ${rate(floors.toGpuPerS)}, back ${rate(floors.toHostPerS)}.\n`,
    "| weights | step | first | later | floor | × floor | |",
    "|---|---|---|---|---|---|---|",
    ...rows.map(lineOf),
    "",
    ...skipped.map((why) => `Left out: ${why}.`),
    ...(proof === null ? [] : proofLines(proof)),
  ]
    .join("\n")
    .trim();
}

function lineOf({ bytes, step, firstMs, laterMs, floorMs, note }: Row): string {
  const bestMs = laterMs ?? firstMs;
  const ratio = bestMs === null ? "–" : (bestMs / floorMs).toFixed(1);
  const cells = [
    sizeOf(bytes),
    step,
    secondsOf(firstMs),
    secondsOf(laterMs),
    secondsOf(floorMs),
    ratio,
    note ?? "",
  ];
  return `| ${cells.join(" | ")} |`;
}

function proofLines({ bytes, byHand, jobs, failures, switches }: Proof): string[] {
  const size = sizeOf(bytes);
  return [
    `Two workers of ${size} each (60 % of the GPU), used in turn under orch: ${jobs} jobs, ${switches} switches, ${failures.length} failed.`,
    ...failures.map((why) => `- ${why}`),
    "Started by hand at the same time they say:",
    ...byHand.map((said) => `- ${said}`),
  ];
}

function sizeOf(bytes: number): string {
  const gib = bytes / GIB;
  return gib >= 1 ? `${Number(gib.toFixed(1))} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

function secondsOf(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 2 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
