import { describe, expect, it } from "vitest";
import { addRuntime as addExec } from "../e2e/runtimes.ts";
import { submit, untilOver, untilState } from "../e2e/session.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { until } from "../kit/until.ts";
import { hasChromium, press, shows, violationsOf } from "./chromium.ts";
import { useDashboard } from "./page.ts";

const here = useDashboard((home) => {
  addExec(home, "note", ["true"], {
    protocol: "exec",
    params: "params: { n: { type: integer, default: 1 } }\n",
  });
  addEchoRuntime(
    {
      addRuntime(name, yaml, files = {}) {
        home.write(`runtimes/${name}/runtime.yaml`, yaml);
        for (const [file, text] of Object.entries(files)) home.write(`runtimes/${name}/${file}`, text);
      },
    },
    "echo",
  );
});

/** Puts a text into a field, whatever was there. */
async function fill(selector: string, text: string): Promise<void> {
  const { page } = here();
  await page.waitForSelector(selector);
  await page.$eval(selector, (field) => (field as HTMLInputElement).select());
  await page.keyboard.press("Backspace");
  if (text !== "") await page.type(selector, text);
}

const newestArray = async (): Promise<number> => {
  const { jobs } = await here().home.client.call("GET /jobs", { limit: 1 });
  return jobs[0]?.array?.id ?? 0;
};

describe.skipIf(!hasChromium)("many jobs in the dashboard (needs chromium)", () => {
  it("submits an array, of which the count is shown first, and wrong numbers are refused in words", async () => {
    const { page, go, home } = here();
    await go("#/runtimes/echo");
    await page.waitForSelector("#new-text");
    await page.type("#new-text", "part {index}");
    await fill("#new-seconds", "60");
    await press(page, "Array");
    await fill("#new-numbers", "0-200000");
    await shows(page, '"0-200000" names 200,001 numbers: at most 100,000 are allowed');
    await press(page, "Submit");
    await page.waitForFunction(() => document.activeElement?.id === "new-numbers");
    await fill("#new-numbers", "0-7%2");
    await shows(page, "8 jobs, 2 at once");
    expect(await violationsOf(page)).toEqual([]);
    await press(page, "Submit 8");
    await shows(page, "of 8 jobs is queued");
    const array = await newestArray();
    const status = await home.client.call("GET /arrays/:array", { array });
    expect(status).toMatchObject({ total: 8, atOnce: 2, summary: "part 0" });
  });

  it("shows it as one row, opened with its jobs, held, released and cancelled as a whole", async () => {
    const { page, go, home } = here();
    const array = await newestArray();
    await untilState(home, array, "running");
    await go("#/jobs");
    await page.waitForFunction(() =>
      document.querySelector(".job-table .is-array")?.textContent?.includes("1 running"),
    );
    expect(await page.$$eval(".job-table tbody tr", (rows) => rows.length), "one row").toBe(1);
    await page.evaluate(() => document.querySelector<HTMLInputElement>(".switch input")?.click());
    await page.waitForFunction(() => document.querySelectorAll(".job-table tbody tr").length === 8);
    await page.evaluate(() => document.querySelector<HTMLInputElement>(".switch input")?.click());
    await page.waitForSelector(".job-table .is-array");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await shows(page, `Array ${array}`);
    await shows(page, "[7]");
    const states = async () => (await home.client.call("GET /arrays/:array", { array })).jobs;
    await press(page, "Hold");
    await until("nothing of it waits in the queue", async () => (await states()).queued === undefined);
    await press(page, "Release");
    await until("one of it waits in the queue", async () => ((await states()).queued ?? 0) > 0);
    await press(page, "Cancel all 8");
    await press(page, "Cancel them?");
    await until("all of it is cancelled", async () => (await states()).cancelled === 8);
    await shows(page, "8 cancelled");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => window.location.hash === "#/jobs");
  });

  it("submits a sweep of several params, and opens one of its jobs within it", async () => {
    const { page, go, home } = here();
    await go("#/runtimes/echo");
    await fill("#new-text", "swept");
    await press(page, "Sweep");
    await page.click('[aria-label="Seconds: several values"]');
    await fill("#new-seconds", "0,0.05");
    await page.click('[aria-label="Voice: several values"]');
    await fill("#new-voice", "low, high,");
    await shows(page, "a value is missing beside a comma");
    await fill("#new-voice", "low, high, shrill");
    await shows(page, "6 jobs");
    await press(page, "Submit 6");
    await shows(page, "of 6 jobs is queued");
    const array = await newestArray();
    const { params } = await untilOver(home, array + 5);
    expect(params).toMatchObject({ text: "swept", seconds: 0.05, voice: "shrill" });
    await go(`#/jobs/array-${array}/${array + 5}`);
    await page.waitForSelector(".pane .facts");
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".pane", { hidden: true });
    await shows(page, "6 succeeded");
  });

  it("retries what has ended", async () => {
    const { page, go, home } = here();
    const job = await submit(home, "note");
    await untilOver(home, job);
    await go(`#/jobs/${job}`);
    await press(page, "Retry");
    await page.waitForFunction((to) => window.location.hash === to, {}, `#/jobs/${job + 1}`);
    expect(await untilOver(home, job + 1)).toMatchObject({ state: "succeeded", runtime: "note" });
  });
});

describe.skipIf(!hasChromium)("the timetable in the dashboard (needs chromium)", () => {
  const schedules = async () => (await here().home.client.call("GET /schedules", {})).schedules;

  it("adds a schedule by a form that shows when it fires", async () => {
    const { page, go, complaints } = here();
    complaints.expect(/status of 400/);
    await go("#/runtimes/note");
    await press(page, "Schedule");
    await fill("#new-line", "61 3 * * *");
    await page.waitForSelector(".fires .problem");
    await fill("#new-line", "0 3 1 1 *");
    await page.waitForFunction(() => document.querySelectorAll(".fires li").length === 3);
    await fill("#new-name", "yearly");
    expect(await violationsOf(page)).toEqual([]);
    await press(page, "Add the schedule");
    await shows(page, "Schedule yearly is there");
    expect(await schedules()).toMatchObject([
      { name: "yearly", line: "0 3 1 1 *", summary: "note n=1", paused: false },
    ]);
  });

  it("runs, pauses, resumes and removes it", async () => {
    const { page, go, home } = here();
    await go("#/timetable");
    await shows(page, "never fired");
    await press(page, "Run now");
    const { id } = await until("it has submitted a job", async () => (await schedules())[0]?.lastJob);
    await untilOver(home, id);
    await shows(page, `last: ${id}`);
    await press(page, "Pause");
    await until("it is paused", async () => (await schedules())[0]?.paused);
    await shows(page, "paused");
    await press(page, "Resume");
    await until("it goes on", async () => (await schedules())[0]?.paused === false);
    await press(page, "Remove");
    await press(page, "Remove it?");
    await until("it is gone", async () => (await schedules()).length === 0);
    await shows(page, "Nothing is submitted by the clock");
  });

  it("reserves GPUs, shows them in the timeline, and gives them up", async () => {
    const { page, go, home } = here();
    const reservations = async () => (await home.client.call("GET /reservations", {})).reservations;
    await go("#/timetable");
    await fill("#reserve-for", "soon");
    await shows(page, '"soon" is not a duration');
    await fill("#reserve-for", "30m");
    await fill("#reserve-name", "demo");
    await page.evaluate(() => document.querySelectorAll<HTMLInputElement>(".choices input")[1]?.click());
    await page.click(".reserve-form button[type=submit]");
    const [made] = await until("it is reserved", async () => {
      const all = await reservations();
      return all.length === 0 ? null : all;
    });
    expect(made).toMatchObject({ name: "demo", state: "active", gpus: [{ index: 1 }] });
    await shows(page, "now, ends in");
    expect(await violationsOf(page)).toEqual([]);
    await go("#/workers");
    await page.waitForSelector('.span.is-reserved[title*="demo"]');
    await go("#/timetable");
    await page.waitForSelector('[aria-label="Reservation demo"]');
    await page.evaluate(() =>
      document.querySelector<HTMLElement>('[aria-label="Reservation demo"] button')?.click(),
    );
    await press(page, "Give it up?");
    await until("it is given up", async () => (await reservations()).length === 0);
    await shows(page, "No GPU is reserved");
  });
});
