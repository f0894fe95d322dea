// The work that the pictures show, of the terminal and of the dashboard. Part of scripts/screenshots.mjs.
import fs from "node:fs";
import path from "node:path";

/** Work for all GPUs, and more that waits. @param orch runs a command line */
export function submitAll(orch) {
  const submit = (runtime, prompt, steps, ...more) =>
    orch("submit", runtime, "--prompt", prompt, "--steps", String(steps), "-q", ...more);
  orch("run", "-q", "-d", "--gpus", "1", "--label", "finetune charlm, lr 3e-4", "--", "sleep", "600");
  submit("llama-70b", "Summarise the minutes of Tuesday", 90);
  submit("sdxl", "a lighthouse at dawn, oil on canvas", 70);
  submit("llama-70b", "Translate chapter 3", 130);
  submit("whisper", "interview-041.wav", 160);
  for (const [index, prompt] of [
    "a fox in the snow",
    "cats under cherry trees",
    "map of an island",
    "portrait, soft light",
  ].entries())
    submit("flux", prompt, 40 + index * 10, ...(index === 0 ? ["--priority", "5"] : []));
  for (let index = 42; index < 60; index++) submit("whisper", `interview-0${index}.wav`, 60);
  submit("sdxl", "the same lighthouse, at night", 30);
  orch("run", "-q", "-d", "--gpus", "4", "--label", "ablation, all GPUs", "--", "sleep", "30");
  orch("run", "-q", "-d", "--hold", "--label", "publish weights", "--", "echo", "done");
}

/** One that goes ahead of the others. */
export function submitEval(orch) {
  const command = ["sh", "-c", "sleep 60 # eval.py --checkpoint 4000"];
  orch("run", "-q", "-d", "--gpus", "1", "--priority", "9", "--label", "eval step 4000", "--", ...command);
}

/** A sweep, an array, schedules and a reservation that is near. */
export function submitMany(orch) {
  const prompt = ["--prompt", "a lighthouse, many ways"];
  orch("submit", "sdxl", "-q", ...prompt, "--sweep", "steps=20,25,30,35", "--at-once", "2");
  orch("run", "-q", "-d", "--array", "0-99%4", "--label", "shards of the corpus", "--", "sleep", "{index}");
  const submit = ["--", "submit", "flux", "--prompt", "the day in one picture"];
  orch("schedule", "add", "0 3 * * *", "--tz", "Europe/Berlin", "--name", "nightly-flux", ...submit);
  orch("schedule", "add", "*/15 * * * *", "--name", "probe", "--", "run", "--", "true");
  orch("schedule", "run-now", "probe");
  orch("schedule", "add", "30 8 * * 1-5", "--name", "report", "--", "run", "--", "./report.sh");
  orch("schedule", "pause", "report");
  orch("reserve", "add", "--gpu", "2,3", "--start", "+3m", "--for", "2h", "--name", "demo");
}

/** Runtimes that look like models: they take memory on paper, and time. */
export function addModels(home) {
  for (const [name, seconds] of [
    ["llama-70b", 0.5],
    ["sdxl", 0.7],
    ["whisper", 0.3],
    ["flux", 0.6],
  ])
    addModel(home, name, seconds);
}

function addModel(home, name, seconds) {
  const dir = path.join(home, "runtimes", name);
  const vram = { "llama-70b": 60, sdxl: 24, whisper: 10, flux: 34 }[name];
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(
    path.join(dir, "runtime.yaml"),
    `name: ${name}
summary: for a picture
command: [python3, handler.py]
gpu: { count: 1, vram: ${vram}GiB, mode: shared }
slots: ${name === "llama-70b" ? 4 : 1}
keepAlive: 10m
params:
  prompt: { type: string, default: "" }
  steps: { type: integer, default: 30 }
`,
  );
  fs.writeFileSync(
    path.join(dir, "handler.py"),
    `import time
from orch_sdk import serve

class Handler:
    def load(self, params):
        time.sleep(1)
    def run(self, params, ctx):
        steps = params["steps"]
        for step in range(1, steps + 1):
            if ctx.cancelled:
                return None
            ctx.progress(step / steps, f"step {step}/{steps}")
            ctx.log(f"step {step}/{steps}  loss {2.4 / (1 + step / 9):.4f}  {31.2 - step % 5:.1f} it/s")
            time.sleep(${seconds})
        return {"steps": steps}

serve(Handler())
`,
  );
}

/** A runtime that draws a landscape with what Python brings along. */
export function addSketch(home) {
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
