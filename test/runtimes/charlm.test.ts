import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planLaunch } from "../../src/runtime/launch.ts";
import { loadRuntime } from "../../src/runtime/load.ts";
import type { Json } from "../../src/std/json.ts";

const root = resolve(import.meta.dirname, "../..");
const baseEnv = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  LANG: "C.UTF-8",
  PYTHONDONTWRITEBYTECODE: "1",
};

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-charlm-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("the model", () => {
  test("passes its own checks", () => {
    const cwd = join(import.meta.dirname, "charlm");
    // unittest reports on stderr; a failure is a status other than 0, which throws with that text.
    const run = spawnSync("python3", ["-m", "unittest", "test_charlm"], {
      cwd,
      env: baseEnv,
      encoding: "utf8",
    });
    expect(run.stderr).toMatch(/Ran [1-9]\d* tests[\s\S]*\nOK\n$/);
    expect(run.status).toBe(0);
  });
});

interface Trained {
  readonly status: number | null;
  readonly stderr: string;
  readonly outputDir: string;
  readonly events: readonly Record<string, Json>[];
}

/** Runs charlm-train as the daemon does: by its runtime.yaml, with the files that protocol exec promises. */
function trainOn(name: string, text: string | Buffer, params: Record<string, Json> = {}): Trained {
  const place = join(dir, name);
  const outputDir = join(place, "out");
  mkdirSync(outputDir, { recursive: true });
  const textPath = join(place, `${name}.txt`);
  const paramsPath = join(place, "params.json");
  const eventsPath = join(place, "events.ndjson");
  const all = { text: textPath, order: 6, ...params };
  writeFileSync(textPath, text);
  writeFileSync(paramsPath, JSON.stringify(all));
  const runtime = loadRuntime({ dir: join(root, "runtimes/charlm-train"), origin: "shipped" });
  const plan = planLaunch(runtime, {
    load: {},
    gpuUuids: [],
    vramBytes: null,
    socketPath: null,
    port: null,
    fence: 1,
    workerId: 1,
    instanceId: "test",
    sdkDir: join(root, "runtimes/sdk"),
    pythonPath: null,
    baseEnv,
    job: { jobId: 1, params: all, paramsPath, outputDir, eventsPath },
  });
  const [program = "", ...args] = plan.argv;
  const run = spawnSync(program, args, { cwd: plan.cwd, env: plan.env, encoding: "utf8" });
  const lines = existsSync(eventsPath) ? readFileSync(eventsPath, "utf8").trim().split("\n") : [];
  return { status: run.status, stderr: run.stderr, outputDir, events: lines.map((line) => JSON.parse(line)) };
}

/** Deterministic text with words of uneven frequency. */
function sampleText(words: number): string {
  const vocabulary =
    "the quick brown fox jumps over a lazy dog while many small birds sing in an old tree".split(" ");
  let state = 1;
  return Array.from({ length: words }, () => {
    state = (state * 48271) % 2147483647;
    return vocabulary[Math.floor((state / 2147483647) ** 2 * vocabulary.length)] ?? "";
  }).join(" ");
}

describe("charlm-train", () => {
  test("makes a model, measures it and reports on the way", () => {
    const text = sampleText(4000);
    const trained = trainOn("good", text, { name: "birds" });
    expect(trained.stderr).toBe("");
    expect(trained.status).toBe(0);
    const outputs = trained.events.filter((event) => event["type"] === "output");
    expect(outputs).toEqual([
      {
        type: "output",
        output: {
          name: "birds",
          perplexity: expect.any(Number),
          bitsPerCharacter: expect.any(Number),
          unknownCharacters: 0,
          characters: text.length,
          alphabet: new Set(text).size,
          order: 6,
          heldOutFraction: 0.1,
        },
      },
    ]);
    const perplexity = Number(JSON.stringify(outputs).match(/"perplexity":([\d.]+)/)?.[1]);
    expect(perplexity).toBeGreaterThan(1);
    expect(perplexity).toBeLessThan(3);
    const fractions = trained.events
      .filter((event) => event["type"] === "progress")
      .map((event) => Number(event["fraction"]));
    expect(fractions).toEqual(fractions.toSorted((left, right) => left - right));
    expect(fractions.at(-1)).toBe(1);
    const size = statSync(join(trained.outputDir, "model.charlm")).size;
    expect(trained.events).toContainEqual({
      type: "artifact",
      artifact: { name: "model.charlm", bytes: size, type: "application/gzip" },
    });
  });

  test("its model goes on from a prompt", () => {
    const model = join(trainOn("again", sampleText(2000)).outputDir, "model.charlm");
    const script =
      "import sys, charlm; m = charlm.load(sys.argv[1]); print(m.name, repr(''.join(m.generate('the ', 60, 0.5, 7))))";
    const env = { ...baseEnv, PYTHONPATH: join(root, "runtimes/charlm") };
    const text = execFileSync("python3", ["-c", script, model], { env, encoding: "utf8" });
    expect(text).toMatch(/^again '[a-z ]{60}'\n$/);
  });

  test.each([
    ["empty", ""],
    ["tiny", "x".repeat(199)],
  ])("%s text is refused with exit code 2", (name, text) => {
    const trained = trainOn(name, text);
    expect(trained.status).toBe(2);
    expect(trained.stderr).toMatch(/^charlm-train: .*has \d+ characters; training needs at least 200\n$/);
    expect(existsSync(join(trained.outputDir, "model.charlm"))).toBe(false);
  });

  test("a missing text is refused with exit code 2", () => {
    const trained = trainOn("missing", "x", { text: join(dir, "nowhere.txt") });
    expect(trained.status).toBe(2);
    expect(trained.stderr).toMatch(/^charlm-train: .*nowhere\.txt/);
  });

  test("bytes that are no text still train", () => {
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * index * 31) % 256));
    expect(trainOn("bytes", bytes).status).toBe(0);
  });
});
