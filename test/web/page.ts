import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { DaemonProcess, OrchHome } from "../kit/orch-home.ts";
import { type Complaints, hasChromium, listenTo, openChromium } from "./chromium.ts";

/** The dashboard of a real daemon, open in a real browser. */
export interface Dashboard {
  readonly home: OrchHome;
  readonly page: Page;
  readonly url: string;
  readonly complaints: Complaints;
  daemon: DaemonProcess;
  /** Goes to a place within the page, such as "#/jobs". */
  go(hash: string): Promise<void>;
  /** Opens the page anew, signed in by a link. */
  enter(): Promise<void>;
}

/**
 * Starts a daemon and a browser for the tests of a file.
 * @param prepare adds runtimes before the daemon starts
 */
export function useDashboard(prepare: (home: OrchHome) => void, gpus = "virtual:2x24GiB"): () => Dashboard {
  const createHome = useOrch();
  let dashboard: Dashboard | undefined;
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (!hasChromium) return;
    const home = createHome({ ORCH_GPUS: gpus });
    const port = await freePort();
    home.write("config.yaml", `gateway:\n  listen: 127.0.0.1:${port}\n`);
    prepare(home);
    const daemon = await home.daemon();
    browser = await openChromium();
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    const url = `http://127.0.0.1:${port}`;
    dashboard = {
      ...{ home, page, url, daemon, complaints: listenTo(page) },
      async go(hash) {
        await page.evaluate((to) => {
          window.location.hash = to;
        }, hash);
      },
      async enter() {
        const { url: link } = await home.client.call("POST /logins", {});
        await page.goto(link);
        await page.waitForSelector(".connection.is-live");
      },
    };
    await dashboard.enter();
  });
  afterAll(async () => {
    await browser?.close();
    await dashboard?.home[Symbol.asyncDispose]();
  });
  return () => {
    if (dashboard === undefined) throw new Error("the dashboard did not come up");
    return dashboard;
  };
}

/** A port that was free a moment ago: the one of a daemon that is started again has to stay. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
