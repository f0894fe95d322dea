import { aliases } from "./cron-line.ts";

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/**
 * A valid cron line in words, for the kinds of lines that most are: "every day at 03:00", "every 15 minutes",
 * "Monday to Friday at 08:30". Null for one that no short sentence is fit for.
 */
export function describeLine(line: string): string | null {
  const text = line.trim().toLowerCase();
  const fields = (aliases[text] ?? text).split(/\s+/);
  if (fields.length !== 5) return null;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  if (month !== "*") return null;
  const days = describeDays(day, weekday);
  if (days === null) return null;
  const time = describeTime(minute, hour);
  if (time !== null) return `${days} at ${time}`;
  const often = describeStep(minute, hour);
  if (often === null) return null;
  return days === "every day" ? often : `${often}, ${days}`;
}

function describeTime(minute: string, hour: string): string | null {
  if (!/^\d{1,2}$/.test(minute) || !/^\d{1,2}(,\d{1,2})*$/.test(hour)) return null;
  return listed(hour.split(",").map((each) => `${each.padStart(2, "0")}:${minute.padStart(2, "0")}`));
}

function describeStep(minute: string, hour: string): string | null {
  const minutes = /^\*\/(\d+)$/.exec(minute)?.[1];
  if ((minute === "*" || minutes === "1") && hour === "*") return "every minute";
  // Steps that do not divide the hour or the day begin anew at its end: they are not "every so often".
  if (minutes !== undefined && hour === "*" && 60 % Number(minutes) === 0) return `every ${minutes} minutes`;
  if (!/^\d{1,2}$/.test(minute)) return null;
  const past = `${minute} ${minute === "1" ? "minute" : "minutes"} past`;
  if (hour === "*") return minute === "0" ? "every hour" : `every hour at ${past}`;
  const hours = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (hours === undefined || 24 % Number(hours) !== 0) return null;
  return minute === "0" ? `every ${hours} hours` : `every ${hours} hours at ${past}`;
}

function describeDays(day: string, weekday: string): string | null {
  if (day === "*" && weekday === "*") return "every day";
  if (weekday === "*" && /^\d{1,2}(,\d{1,2})*$/.test(day))
    return `day ${listed(day.split(","))} of every month`;
  if (weekday === "*" && day === "l") return "the last day of every month";
  if (day !== "*") return null;
  const [, from, to] = /^([0-7]|[a-z]{3})-([0-7]|[a-z]{3})$/.exec(weekday) ?? [];
  if (from !== undefined && to !== undefined) {
    const [first, last] = [weekdayName(from), weekdayName(to)];
    return first === null || last === null ? null : `${first} to ${last}`;
  }
  const names = weekday.split(",").map(weekdayName);
  return names.includes(null) ? null : `every ${listed(names as string[])}`;
}

function weekdayName(text: string): string | null {
  if (/^[0-7]$/.test(text)) return weekdays[Number(text)] ?? null;
  return weekdays.find((name) => text.length === 3 && name.toLowerCase().startsWith(text)) ?? null;
}

function listed(words: readonly string[]): string {
  return words.length <= 1
    ? (words[0] ?? "")
    : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
