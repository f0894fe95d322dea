const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, {
  ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** A moment on the clock of whoever looks: "14:05:09" of today, else "21 Nov 14:05". A dash where there is none. */
export function momentText(at: string | null, nowMs: number): string {
  if (at === null) return "–";
  const date = new Date(at);
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  return isToday ? clockSeconds.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

/** The zone of whoever looks, by its IANA name. */
export const localTimeZone = whole.resolvedOptions().timeZone;

/** "21 Nov 03:00", on the clock of another zone. */
export function zonedMoment(at: string, timeZone: string): string {
  const date = new Date(at);
  const onDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone });
  const onClock = new Intl.DateTimeFormat(undefined, {
    ...{ hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone },
  });
  return `${onDay.format(date)} ${onClock.format(date)}`;
}

/** The same in full, with the zone. */
export function wholeMoment(at: string | null): string {
  return at === null ? "" : whole.format(new Date(at));
}

/** A mark of a time axis: the hour and minute, the day where one begins, seconds where marks are close. */
export function tickText(atMs: number, stepMs: number): string {
  const date = new Date(atMs);
  if (date.getHours() === 0 && date.getMinutes() === 0 && stepMs >= 60_000) return day.format(date);
  return (stepMs < 60_000 ? clockSeconds : clock).format(date);
}

/** How far the local clock is ahead of UTC at a moment, in milliseconds. */
export function zoneOffsetMs(atMs: number): number {
  return -new Date(atMs).getTimezoneOffset() * 60_000;
}
