/**
 * A moment in a text that is read in any zone: "2026-12-01 09:00 UTC", with seconds where it has some. For who knows no
 * zone, as the scheduler; what is shown on the reader's own clock is `formatWhen`.
 */
export function formatUtc(atMs: number): string {
  const [date = "", time = ""] = new Date(atMs).toISOString().split("T");
  return `${date} ${time.slice(0, 8).replace(/:00$/, "")} UTC`;
}
