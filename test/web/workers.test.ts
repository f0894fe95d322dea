import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import { submit, untilOver } from "../e2e/session.ts";
import { until } from "../kit/until.ts";
import { hasChromium, press, shows, violationsOf } from "./chromium.ts";
import { useDashboard } from "./page.ts";

/** Where programs say what they hold of the GPU on paper. */
const held = mkdtempSync(join(tmpdir(), "orch-held-"));
afterAll(() => rmSync(held, { recursive: true, force: true }));

const HANDLER = `import os
from orch_sdk import serve

class Handler:
    def load(self, params):
        self.hold("8GiB")
        print("the model is loaded", flush=True)
    def run(self, params, ctx):
        print("somebody says " + params["text"], flush=True)
        return None
    def sleep(self):
        self.hold("1GiB")
    def wake(self):
        self.hold("8GiB")
    def hold(self, amount):
        gpu = os.environ["CUDA_VISIBLE_DEVICES"].rsplit("-", 1)[-1]
        path = os.path.join("${held}", f"{gpu}-{os.getpid()}")
        with open(path + ".new", "w") as file:
            file.write(amount)
        os.rename(path + ".new", path)

serve(Handler())
`;

const here = useDashboard((home) => {
  for (const name of ["day", "night"]) {
    home.write(
      `runtimes/${name}/runtime.yaml`,
      `name: ${name}
command: [python3, handler.py]
gpu: { count: 1, vram: 20GiB, mode: exclusive }
keepAlive: 10m
${name === "night" ? "sleep: { residue: 1GiB, ram: 0 }\n" : ""}params: { text: { type: string, default: nothing } }
`,
    );
    home.write(`runtimes/${name}/handler.py`, HANDLER);
  }
}, `virtual:1x24GiB,held=${held}`);

const workers = async (): Promise<WorkerView[]> =>
  (await here().home.client.call("GET /workers", {})).workers;
const untilWorker = (what: string, is: (worker: WorkerView) => boolean): Promise<WorkerView> =>
  until(what, async () => (await workers()).find(is));

describe.skipIf(!hasChromium)("workers in the dashboard (needs chromium)", () => {
  it("switches to a runtime, and from it to another one", async () => {
    const { page, go } = here();
    await go("#/workers");
    for (const name of ["day", "night"]) {
      await page.waitForFunction(
        (wanted) =>
          [...document.querySelectorAll<HTMLOptionElement>(".switch-form option")].some(
            ({ value }) => value === wanted,
          ),
        {},
        name,
      );
      await page.select(".switch-form select", name);
      await press(page, "Switch now");
      await shows(page, `${name} is resident`);
      await untilWorker(`${name} is ready`, ({ runtime, state }) => runtime === name && state === "ready");
      expect((await workers()).map(({ runtime }) => runtime)).toEqual([name]);
      await page.waitForFunction(
        (wanted) => document.querySelector(".worker-table tbody th")?.textContent?.startsWith(wanted),
        {},
        name,
      );
    }
  });

  it("shows one in detail, with what it writes as it comes", async () => {
    const { page, go, home } = here();
    const [worker] = await workers();
    await go("#/workers");
    await page.waitForSelector(".worker-table tbody a");
    await page.focus(".worker-table tbody a");
    await page.keyboard.press("Enter");
    await page.waitForFunction((to) => window.location.hash === to, {}, `#/workers/${worker?.name}`);
    const writes = (text: string) =>
      page.waitForFunction(
        (wanted) => document.querySelector(".log")?.textContent?.includes(wanted),
        {},
        text,
      );
    await writes("the model is loaded");
    const job = await submit(home, "night", "--text", "hello there");
    await untilOver(home, job);
    await writes("somebody says hello there");
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.body.textContent?.includes("Open its page"))).toBe(false);
  });

  it("puts it to sleep, wakes it, pins it and stops it", async () => {
    const { page } = here();
    await press(page, "Sleep");
    await untilWorker("it sleeps", ({ state }) => state === "asleep");
    await page.waitForFunction(() => document.querySelector(".pane .state")?.textContent === "asleep");
    await page.waitForFunction(() =>
      [...document.querySelectorAll(".pane button")].some(({ textContent }) => textContent === "Wake"),
    );
    await press(page, "Wake");
    await untilWorker("it is awake", ({ state }) => state === "ready");
    await page.waitForFunction(() => document.querySelector(".pane .state")?.textContent === "ready");
    await press(page, "Pin");
    await untilWorker("it is pinned", ({ pinned }) => pinned);
    await press(page, "Unpin");
    await untilWorker("it is not pinned", ({ pinned }) => !pinned);
    await press(page, "Stop");
    await press(page, "Stop it?");
    await until("no worker is there", async () => (await workers()).length === 0);
    await shows(page, "It is gone");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".pane", { hidden: true });
    await shows(page, "No worker is there");
  });
});
