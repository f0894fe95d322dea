/** One measured figure with what it is held against, printed as a row by scripts/bench.mjs. */
export interface Figure {
  readonly name: string;
  /** What it has to be, in words ("≤ 1.5 ×"). */
  readonly target: string;
  readonly measured: string;
  /** Whether the target is met; null where there is none, only a figure. */
  readonly met: boolean | null;
  /** What this machine gives without orch, measured in the same run. */
  readonly baseline: string;
}

/** Hands a figure to the runner: one JSON line on stdout. */
export function report(figure: Figure): void {
  process.stdout.write(`${JSON.stringify(figure)}\n`);
}

/** True with `--quick`: smaller counts, same figures. */
export const isQuick = process.argv.includes("--quick");

/** "12,345 /s" */
export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString("en-US")} /s`;
}

/** "0.83 ms", "12 ms" */
export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

/** "123 MB" of 10^6 bytes. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
