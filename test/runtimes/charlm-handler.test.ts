import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planLaunch } from "../../src/runtime/launch.ts";
import { loadRuntime } from "../../src/runtime/load.ts";
import type { Json } from "../../src/std/json.ts";
import type { JobEvent } from "../../src/worker/protocol.ts";
import { createOrchProtocol } from "../../src/worker/protocols/orch.ts";
import { until } from "../kit/until.ts";

const root = resolve(import.meta.dirname, "../..");
const baseEnv = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  LANG: "C.UTF-8",
  PYTHONDONTWRITEBYTECODE: "1",
};
const protocol = createOrchProtocol();
const started: ChildProcess[] = [];

let dir = "";
let model = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-handler-"));
  model = join(dir, "model.charlm");
  const script =
    "import sys, charlm; charlm.train('the cat and the hat sat on the mat. ' * 40, 5).save(sys.argv[1])";
  execFileSync("python3", ["-c", script, model], {
    env: { ...baseEnv, PYTHONPATH: join(root, "runtimes/charlm") },
  });
});
afterAll(async () => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(dir, { recursive: true });
});

/** Starts the charlm worker as the daemon does, on a model file. */
function startWorker(modelPath: string): { child: ChildProcess; socket: string } {
  const socket = join(dir, `${started.length}.sock`);
  const runtime = loadRuntime({ dir: join(root, "runtimes/charlm"), origin: "shipped" });
  const plan = planLaunch(runtime, {
    load: { model: modelPath },
    gpuUuids: [],
    vramBytes: null,
    socketPath: socket,
    port: null,
    fence: 1,
    workerId: 1,
    instanceId: "test",
    sdkDir: join(root, "runtimes/sdk"),
    pythonPath: null,
    baseEnv,
    job: null,
  });
  const [program = "", ...args] = plan.argv;
  const child = spawn(program, args, { cwd: plan.cwd, env: plan.env, stdio: "ignore" });
  started.push(child);
  return { child, socket };
}

async function runJob(
  socket: string,
  jobId: number,
  params: Record<string, Json>,
  onEvent?: (event: JobEvent) => void,
) {
  const job = { jobId, attempt: 1, fence: 1, params, outputDir: dir, correlation: "c" };
  return protocol.run(socket, job, onEvent ?? (() => undefined));
}

describe("the charlm worker", () => {
  test("loads its model once and goes on from prompts, the same for a seed", async () => {
    const { socket } = startWorker(model);
    const health = await until("the worker is ready", async () => {
      const said = await protocol.health(socket, 1000);
      return said?.status === "starting" ? null : said;
    });
    expect(health.status).toBe("ready");

    const fractions: number[] = [];
    let text = "";
    const params = { prompt: "the ", length: 500, temperature: 0.5, seed: 3 };
    const first = await runJob(socket, 1, params, (event) => {
      if (event.type === "progress") fractions.push(event.fraction);
      if (event.type === "text") text += event.text;
    });
    expect(first).toMatchObject({
      kind: "succeeded",
      output: { text, prompt: "the ", seed: 3, temperature: 0.5, usage: { completion_tokens: 500 } },
    });
    expect(fractions.at(-1)).toBe(1);
    expect(JSON.stringify(first)).toMatch(/"text":"[a-z. ]{500}"/);
    expect(await runJob(socket, 2, params)).toEqual(first);

    // Without a seed each job draws its own, and says which.
    const one = await runJob(socket, 3, { prompt: "the ", length: 200 });
    const seed = Number(JSON.stringify(one).match(/"seed":(\d+)/)?.[1]);
    expect(await runJob(socket, 4, { prompt: "the ", length: 200, seed })).toEqual(one);
    expect(await runJob(socket, 5, { prompt: "the ", length: 200 })).not.toEqual(one);
    protocol.forget(socket);
  });

  test("stops a long job when it is cancelled", async () => {
    const { socket } = startWorker(model);
    await until("the worker is ready", async () => (await protocol.health(socket, 1000))?.status === "ready");
    let asked: Promise<void> | undefined;
    const outcome = await runJob(socket, 1, { prompt: "", length: 5_000_000, seed: 1 }, (event) => {
      if (event.type === "progress") asked ??= protocol.cancel(socket, 1);
    });
    await asked;
    expect(outcome.kind).toBe("cancelled");
    protocol.forget(socket);
  });

  test("says why it cannot load what is no model, and leaves", async () => {
    const bad = join(dir, "bad.charlm");
    writeFileSync(bad, "not a model");
    const { child, socket } = startWorker(bad);
    const exit = once(child, "exit");
    const health = await until("the worker has given up", async () => {
      const said = await protocol.health(socket, 1000);
      return said?.status === "failed" ? said : null;
    });
    expect(health.detail).toMatch(/bad\.charlm is not a charlm model/);
    expect(await exit).toEqual([1, null]);
    protocol.forget(socket);
  });
});
