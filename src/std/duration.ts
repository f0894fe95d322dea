import { Failure } from "./failure.ts";

const UNITS_MS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

/**
 * Reads "90s", "10m", "1h30m", "250ms" or a bare number of seconds as milliseconds.
 * @throws Failure usage/invalid
 */
export function parseDurationMs(text: string): number {
  const trimmed = text.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Math.round(Number(trimmed) * 1000);
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== trimmed) {
    throw new Failure("usage/invalid", `"${text}" is not a duration`, {
      hint: "write it like 90s, 10m or 1h30m",
    });
  }
  return Math.round(parts.reduce((sum, part) => sum + Number(part[1]) * (UNITS_MS[part[2] ?? ""] ?? 0), 0));
}

/** Shows milliseconds as people read them: "340 ms", "2.5 s", "3m 05s", "1h 20m", "2d 3h". */
export function formatDurationMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60e3) return `${(ms / 1000).toFixed(ms < 10e3 ? 1 : 0)} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  if (ms < 3_600e3) return `${Math.floor(ms / 60e3)}m ${two((ms % 60e3) / 1000)}s`;
  if (ms < 86_400e3) return `${Math.floor(ms / 3_600e3)}h ${two((ms % 3_600e3) / 60e3)}m`;
  return `${Math.floor(ms / 86_400e3)}d ${Math.floor((ms % 86_400e3) / 3_600e3)}h`;
}
