import { dayMs, wallMsAt } from "./time-zone.ts";

const nearMs = 12 * 3_600_000;
const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * Shows a moment to people, on the clocks of a zone: "in 40 s, 14:00:40", "in 2 h, 14:00", "3 min ago, 11:57" within
 * twelve hours; beyond, "today 23:00", "tomorrow 09:00", "yesterday 09:00", "Mon 09:00" for the next six days, else
 * "2026-12-01 09:00". The zone is not named.
 */
export function formatWhen(atMs: number, nowMs: number, timeZone: string): string {
  const shown = new Date(wallMsAt(timeZone, atMs));
  const iso = shown.toISOString();
  const time = iso.slice(11, 16);
  const aheadMs = atMs - nowMs;
  if (Math.abs(aheadMs) < 1000) return `now, ${iso.slice(11, 19)}`;
  if (Math.abs(aheadMs) < nearMs) {
    const span = formatSpan(Math.abs(aheadMs));
    const clock = Math.abs(aheadMs) < 60_000 ? iso.slice(11, 19) : time;
    return aheadMs > 0 ? `in ${span}, ${clock}` : `${span} ago, ${clock}`;
  }
  const days = Math.floor(shown.getTime() / dayMs) - Math.floor(wallMsAt(timeZone, nowMs) / dayMs);
  return `${formatDay(days, shown)} ${time}`;
}

function formatDay(days: number, shown: Date): string {
  if (days === 0) return "today";
  if (days === 1) return "tomorrow";
  if (days === -1) return "yesterday";
  const isThisWeek = days > 1 && days < 7;
  return isThisWeek ? (weekdays[shown.getUTCDay()] ?? "") : shown.toISOString().slice(0, 10);
}

/** Rounded to the second below a minute, to the minute above: "40 s", "25 min", "2 h", "1 h 30 min". */
function formatSpan(ms: number): string {
  if (ms < 59_500) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${rest} min`;
}
