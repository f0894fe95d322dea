import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type ConsoleMessage, launch, type Page } from "puppeteer-core";
import { need } from "../kit/need.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const found = PATHS.find((path) => existsSync(path)) ?? null;

/** Whether a browser is there; tests without one are skipped by name. */
export const hasChromium = need("chromium", found !== null);

/** A real browser without a window, of this test's own. */
export function openChromium(): Promise<Browser> {
  return launch({
    executablePath: found ?? "chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a page complains about: errors of its console, refusals of its policy among them, and exceptions nobody caught. */
export interface Complaints {
  readonly all: string[];
  /** Answers that a test asks for are no complaint, such as 401. */
  readonly expect: (pattern: RegExp) => void;
}

/** Listens to a page from now on. */
export function listenTo(page: Page): Complaints {
  const all: string[] = [];
  const expected: RegExp[] = [];
  const note = (text: string): void => {
    if (!expected.some((pattern) => pattern.test(text))) all.push(text);
  };
  page.on("pageerror", (error) => note(`uncaught: ${String(error)}`));
  page.on("console", (message: ConsoleMessage) => {
    if (message.type() === "error" || message.type() === "warn")
      note(`${message.text()} ${message.location().url ?? ""}`);
  });
  return { all, expect: (pattern) => expected.push(pattern) };
}

/** What axe-core finds wrong with the page as it is now, one line each. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document);
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary}`)}`,
    );
  });
}

/** Waits until the page shows a text. */
export async function shows(page: Page, text: string, timeoutMs = 15_000): Promise<void> {
  try {
    await page.waitForFunction(
      // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not shown
      (wanted) => document.body.innerText.includes(wanted),
      { timeout: timeoutMs },
      text,
    );
  } catch {
    const shown = await page.evaluate(() => document.body.textContent ?? "");
    throw new Error(`the page does not show "${text}", but:\n${shown.slice(0, 1500)}`);
  }
}

/** Presses the button or link with this text. */
export async function press(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll("button, a")].some((each) => each.textContent?.trim() === wanted),
    { timeout: 10_000 },
    text,
  );
  await page.evaluate((wanted) => {
    const target = [...document.querySelectorAll<HTMLElement>("button, a")].find(
      (each) => each.textContent?.trim() === wanted,
    );
    target?.focus();
    target?.click();
  }, text);
}
