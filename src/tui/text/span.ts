import { formatBytes } from "../../std/bytes.ts";

/** A time in at most six columns: "0s", "59s", "3m05s", "1h20m", "2d03h", "400d". */
export function shortSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  const days = Math.floor(hours / 24);
  return days < 100 ? `${days}d${two(hours % 24)}h` : `${days}d`;
}

/** Bytes as a number and one letter: "640M", "9.5G", "80G". */
export function shortBytes(bytes: number): string {
  return formatBytes(bytes)
    .replace(/ ([KMGT])iB$/, "$1")
    .replace(/ B$/, "B");
}

/** "99,988" */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "14:32:05" on the clocks of this process. */
export function clockTime(atMs: number): string {
  return new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000).toISOString().slice(11, 19);
}
