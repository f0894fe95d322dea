// Draws docs/pictures/dashboard*.png from the real page in a real browser. Part of scripts/screenshots.mjs.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import puppeteer from "puppeteer-core";
import { addSketch, submitEval, submitMany } from "./picture-work.mjs";

const browsers = ["chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`);

/** The config that the daemon of the pictures needs. */
export function configureDashboard(home) {
  fs.writeFileSync(path.join(home, "config.yaml"), "gateway: { listen: 127.0.0.1:0 }\n");
  addSketch(home);
}

/**
 * @param orch runs a command line
 * @param submitMore queues the work of the pictures once more
 * @param tick makes the GPUs of the pictures go on by a second
 */
export async function drawDashboard({ orch, tick, submitMore, pictures, seconds = 150 }) {
  const executablePath = browsers.find((file) => fs.existsSync(file));
  if (executablePath === undefined) throw new Error("the pictures of the dashboard need chromium");
  const prompts = ["a lighthouse at dawn", "dunes in the evening", "the sea from above", "hills after rain"];
  const sketch = (number) => {
    const params = ["--prompt", prompts[number % prompts.length], "--seed", String(7 + number)];
    orch("submit", "sketch", "-q", ...params, "--steps", String(12 + number));
  };
  for (let second = 0; second < seconds; second++) {
    tick(second);
    if (second === 60 || second === 120) submitMore();
    if (second === 90) submitEval(orch);
    if (second === 110) submitMany(orch);
    if (second % 18 === 6) sketch(Math.floor(second / 18));
    await sleep(900);
  }
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--hide-scrollbars"] });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => process.stderr.write(`${message.type()}: ${message.text()}\n`));
    const look = async (name, hash, { width = 1440, height = 900, dark = false, act, full = false } = {}) => {
      await page.setViewport({ width, height, deviceScaleFactor: 1.25, isMobile: width < 600 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
      await page.evaluate((to) => (window.location.hash = to), hash);
      tick(seconds);
      await sleep(2_500);
      await act?.(page);
      await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: full });
      process.stdout.write(`docs/pictures/${name}.png\n`);
    };
    await page.goto(orch("dashboard", "--print").trim());
    await page.waitForSelector(".gpu-card");
    const running = JSON.parse(orch("ls", "--json", "--state", "running")).jobs;
    const open = running.find(({ runtime }) => runtime === "llama-70b") ?? running[0];
    await look("dashboard", "#/overview", { height: 1000 });
    await look("dashboard-job", `#/jobs/${open?.id ?? 1}`, { act: () => sleep(1_500) });
    await look("dashboard-gpus", "#/gpus", { dark: true });
    await look("dashboard-workers", "#/workers", {});
    await look("dashboard-runtime", "#/runtimes/sketch", { act: fillSketch });
    await look("dashboard-array", `#/jobs/array-${arrayOf(orch)}`);
    await look("dashboard-timetable", "#/timetable", { height: 660 });
    await look("dashboard-stats", "#/stats");
    await look("dashboard-phone", "#/overview", { width: 390, height: 844, dark: true });
  } finally {
    await browser.close();
  }
}

/** The array of the newest job that is in one. */
function arrayOf(orch) {
  const { jobs } = JSON.parse(orch("ls", "--json", "-a", "--filter", "array.id != null", "-n", "1"));
  return jobs[0]?.array.id ?? 1;
}

async function fillSketch(page) {
  await page.type("#new-prompt", "mountains behind a lake, first light");
  await page.evaluate(() => document.activeElement?.blur());
}
