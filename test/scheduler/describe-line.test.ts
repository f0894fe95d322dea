import { expect, it } from "vitest";
import { describeLine } from "../../src/scheduler/describe-line.ts";

it.each([
  ["0 3 * * *", "every day at 03:00"],
  ["30 8,20 * * *", "every day at 08:30 and 20:30"],
  ["*/15 * * * *", "every 15 minutes"],
  ["* * * * *", "every minute"],
  ["0 * * * *", "every hour"],
  ["1 * * * *", "every hour at 1 minute past"],
  ["0 */6 * * *", "every 6 hours"],
  ["0 9 * * 1-5", "Monday to Friday at 09:00"],
  ["0 9 * * MON,wed,Fri", "every Monday, Wednesday and Friday at 09:00"],
  ["*/10 * * * 6,0", "every 10 minutes, every Saturday and Sunday"],
  ["0 0 1 * *", "day 1 of every month at 00:00"],
  ["0 0 L * *", "the last day of every month at 00:00"],
  ["@daily", "every day at 00:00"],
])("%s is %s", (line, words) => {
  expect(describeLine(line)).toBe(words);
});

it.each([
  ["*/7 * * * *", "it begins anew each hour"],
  ["0 */5 * * *", "it begins anew each day"],
  ["0 0 13 * 5", "either day is enough"],
  ["0 0 1 1 *", "it names months"],
  ["0 0 0 * * *", "it has seconds"],
  ["5-10 3 * * *", "ranges of minutes need many words"],
])("has no words for %s: %s", (line) => {
  expect(describeLine(line)).toBeNull();
});
