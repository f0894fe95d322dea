// Draws docs/pictures/dashboard*.png from the real page in a real browser. Part of scripts/screenshots.mjs.
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import puppeteer from "puppeteer-core";

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
    if (second === 90)
      orch(
        "run",
        "-q",
        "-d",
        "--gpus",
        "1",
        "--priority",
        "5",
        "--label",
        "eval step 4000",
        "--",
        "sleep",
        "60",
      );
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
    await look("dashboard-stats", "#/stats");
    await look("dashboard-phone", "#/overview", { width: 390, height: 844, dark: true });
  } finally {
    await browser.close();
  }
}

async function fillSketch(page) {
  await page.type("#new-prompt", "mountains behind a lake, first light");
  await page.evaluate(() => document.activeElement?.blur());
}

/** A runtime that draws a landscape with what Python brings along. */
function addSketch(home) {
  const dir = path.join(home, "runtimes", "sketch");
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(
    path.join(dir, "runtime.yaml"),
    `name: sketch
summary: Draws a landscape
command: [python3, handler.py]
gpu: { count: 1, vram: 6GiB, mode: shared }
keepAlive: 10m
params:
  prompt: { type: string, required: true, help: what to draw }
  style: { type: string, default: ink, choices: [ink, oil, pastel], help: how }
  width: { type: integer, default: 480, min: 64, max: 1024, multipleOf: 8 }
  steps: { type: integer, default: 12, min: 1, max: 60, help: more steps take longer }
  image: { type: file, accept: [image/png, image/jpeg], help: a picture to begin with }
  seed: { type: integer, help: the same seed draws the same picture }
outputs: [image/png]
`,
  );
  fs.writeFileSync(
    path.join(dir, "handler.py"),
    `import math, random, struct, time, zlib
from orch_sdk import serve

def png(width, height, pixel):
    rows = b"".join(b"\\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

class Sketch:
    def load(self, params):
        time.sleep(0.5)
    def run(self, params, ctx):
        for step in range(params["steps"]):
            if ctx.cancelled:
                return None
            ctx.progress((step + 1) / params["steps"], f"step {step + 1}/{params['steps']}")
            ctx.log(f"step {step + 1}/{params['steps']}")
            time.sleep(0.15)
        dice = random.Random(params.get("seed", time.time()))
        width, height = params["width"], params["width"] * 9 // 16
        hues = [[dice.randrange(90, 250) for _ in range(3)] for _ in range(5)]
        ridges = [[(dice.uniform(0.004, 0.02), dice.uniform(0, 7), dice.uniform(4, 16)) for _ in range(3)] for _ in range(4)]
        lines = [[height * (0.42 + 0.15 * i) + sum(a * math.sin(x * f + p) for f, p, a in ridge) for x in range(width)] for i, ridge in enumerate(ridges)]
        sun = (dice.uniform(0.2, 0.8) * width, height * 0.3, height * 0.1)
        def pixel(x, y):
            layer = sum(1 for line in lines if y > line[x])
            if layer == 0:
                glow = math.exp(-((x - sun[0]) ** 2 + (y - sun[1]) ** 2) / (3 * sun[2]) ** 2)
                if math.hypot(x - sun[0], y - sun[1]) < sun[2]:
                    return (255, 244, 220)
                return tuple(int(min(255, c * (0.75 + 0.25 * y / height) + 60 * glow)) for c in hues[0])
            return tuple(int(c * (0.85 - 0.17 * layer)) for c in hues[layer])
        ctx.save("landscape.png", png(width, height, pixel))
        return None

serve(Sketch())
`,
  );
}
