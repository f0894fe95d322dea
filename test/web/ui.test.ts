import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uiRuntime } from "../gateway/ui-home.ts";
import { until } from "../kit/until.ts";
import { type Served, serve } from "../openai/served.ts";
import { hasChromium, listenTo, openChromium, press, shows } from "./chromium.ts";

let served: Served;
let browser: Browser;
let page: Page;
let paint: string;
let draw: string;

beforeAll(async () => {
  if (!hasChromium) return;
  [served, browser] = await Promise.all([
    serve({ gateway: "  uis: { paint: '127.0.0.1:0', draw: '127.0.0.1:0' }\n" }),
    openChromium(),
  ]);
  for (const name of ["paint", "draw"]) served.host.addRuntime(name, uiRuntime(name));
  page = await browser.newPage();
  const { uis } = await served.host.client.call("GET /uis", {});
  [paint = "", draw = ""] = uis.map(({ url }) => url ?? "");
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await served?.[Symbol.asyncDispose]();
});

const printLink = async (ui: string): Promise<string> =>
  (await served.host.cli("ui", ui, "--print")).stdout.trim();

describe.skipIf(!hasChromium)("a worker's own page in a browser (needs chromium)", () => {
  it("works as if nothing were between: scripts, socket, cookies, frame, events, upload; with one slot", async () => {
    const complaints = listenTo(page);
    complaints.expect(/503|favicon/);
    await page.goto(await printLink("paint"));
    await shows(page, "echo: over the socket", 30_000);
    expect(page.url()).toBe(`${paint}/`);
    await shows(page, "hello: paint, cookies app shade");
    await shows(page, "frame: a part");
    await shows(page, "event: told");
    const file = join(served.host.home, "large.bin");
    writeFileSync(file, "~".repeat(3_000_000));
    const input = await page.$("input");
    await input?.uploadFile(file);
    await press(page, "Send");
    await shows(page, "of them ~", 20_000);
    expect(await page.$eval("#seen", (seen) => seen.textContent)).toMatch(
      /upload: 3000\d{3} bytes, 3000000 of them ~/,
    );
    const bytes = await page.evaluate(
      async () => (await (await fetch("/download")).arrayBuffer()).byteLength,
    );
    expect(bytes).toBe(65_536);
    expect(complaints.all).toEqual([]);
  });

  it("cannot reach the dashboard with the rights of whoever looks at both", async () => {
    const { url: login } = await served.host.client.call("POST /logins", {});
    const dashboard = await browser.newPage();
    await dashboard.goto(login);
    await dashboard.waitForSelector(".connection.is-live");
    const me = (at: Page, url: string): Promise<unknown> =>
      at.evaluate(
        (to) =>
          fetch(to, { credentials: "include" }).then(
            ({ status }) => status,
            () => "refused",
          ),
        url,
      );
    expect(await me(dashboard, "/dashboard/me"), "its own page").toBe(200);
    expect(await me(page, `${served.url}/dashboard/me`)).toBe("refused");
    const started = await page.evaluate(async (url) => {
      const body = JSON.stringify({ runtime: "draw" });
      const sent = { method: "POST", body, mode: "no-cors", credentials: "include" } as const;
      const to = `${url}/api/v1/workers/start`;
      await fetch(to, { ...sent, headers: { "content-type": "text/plain" } }).catch(() => undefined);
      return document.cookie;
    }, served.url);
    expect(started, "no cookie of orch is in a script's reach").toBe("shade=dark");
    const { workers } = await served.host.client.call("GET /workers", { all: true });
    expect(workers.map(({ runtime }) => runtime)).toEqual(["paint"]);
    const framed = await page.evaluate(async (url) => {
      const frame = document.createElement("iframe");
      frame.src = url;
      document.body.append(frame);
      await new Promise((resolve) => {
        frame.onload = resolve;
      });
      return frame.contentDocument === null ? "another origin" : frame.contentDocument.body.textContent;
    }, `${draw}/`);
    expect(framed).toBe("another origin");
    await dashboard.close();
  });

  it("waits on a page that asks again by itself while another worker is in the way, and is there then", async () => {
    const other = await browser.newPage();
    await other.goto(await printLink("draw"));
    await shows(other, "draw is starting");
    await shows(other, "Now:");
    // What is left by going elsewhere stays as it is for a while, its socket too, so that one can go back.
    await page.close();
    await shows(other, "echo: over the socket", 30_000);
    await other.close();
  });

  it("asks who comes, and leads to the dashboard and from there back in", async () => {
    const context = await browser.createBrowserContext();
    const stranger = await context.newPage();
    await stranger.goto(paint);
    await shows(stranger, "paint: who are you?");
    const { url: login } = await served.host.client.call("POST /logins", {});
    await stranger.goto(login);
    await stranger.waitForSelector(".connection.is-live");
    await stranger.evaluate(() => {
      window.location.hash = "#/runtimes/paint";
    });
    const opened = new Promise<Page>((resolve) => {
      stranger.once("popup", (popup) => resolve(popup as Page));
    });
    await press(stranger, "Open its page");
    const there = await opened;
    await shows(there, "echo: over the socket", 30_000);
    expect(there.url()).toBe(`${paint}/`);
    await context.close();
  });

  it("lets go of its worker once no page is open", async () => {
    await until("the worker is idle", async () => {
      const { workers } = await served.host.client.call("GET /workers", {});
      return workers.every(({ state }) => state === "ready");
    });
    expect(served.host.log()).not.toContain("failed by a bug");
  });
});
