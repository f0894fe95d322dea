import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JobDetail } from "../../src/protocol/views.ts";
import { type Host, startHost } from "../kit/host.ts";
import { compileHint, installRealServers, type RealServers, serverFixture } from "../kit/real-servers.ts";
import { until } from "../kit/until.ts";

// Servers that nobody here wrote, run as they are.
const found = await installRealServers();
const why = typeof found === "string" ? `: ${found}` : "";
const isCompiled = typeof found !== "string" && found.hasCompiled;

/** The rest of a runtime for the whole virtual GPU. */
const rest = `gpu: { count: 1, vram: 8GiB, mode: exclusive }
timeouts: { ready: 60s, stop: 5s }
`;

function llamaYaml(name: string, command: readonly string[]): string {
  return `name: ${name}
protocol: openai
command: ${JSON.stringify(command)}
${rest}params:
  prompt: { type: string, required: true }
  max_tokens: { type: integer, default: 8 }
  seed: { type: integer }
`;
}

/** Long enough for a test to do something in the middle. */
const CONTEXT = "60000";

function addServers(host: Host, { bin, python, model }: RealServers): void {
  const llama = [python, serverFixture("llama_cpp.py"), model, "{port}", CONTEXT];
  host.addRuntime("tiny-llm", llamaYaml("tiny-llm", llama));
  host.addRuntime(
    "tiny-embed",
    `name: tiny-embed
protocol: openai
server: { api: embeddings }
command: ${JSON.stringify([...llama.slice(0, -1), "512", "embedding"])}
${rest}params:
  input: { type: string, required: true }
`,
  );
  const compiled = [
    python,
    "-m",
    "llama_cpp.server",
    "--model",
    model,
    "--port",
    "{port}",
    "--n_ctx",
    "8192",
  ];
  host.addRuntime("tiny-llm-2", llamaYaml("tiny-llm-2", [...compiled, "--n_threads", "1"]));
  host.addRuntime(
    "echo-cog",
    `name: echo-cog
protocol: cog
command: [${python}, -m, cog.server.http, --host, 127.0.0.1]
env: { PATH: "${bin}:/usr/bin:/bin", COG_PREDICT_TYPE_STUB: "predict.py:Predictor" }
${rest}params:
  text: { type: string, required: true }
  picture: { type: file, accept: [image/*] }
  steps: { type: integer, default: 0 }
  fault: { type: string, default: none }
  crashed: { type: string, default: "" }
`,
    { "predict.py": readFileSync(serverFixture("predict.py"), "utf8") },
  );
}

let host: Host;

async function submit(...words: string[]): Promise<number> {
  const { code, stdout, stderr } = await host.cli("submit", ...words, "-q");
  if (code !== 0) throw new Error(stderr);
  return Number(stdout.trim());
}

function detail(job: number): Promise<JobDetail> {
  return host.client.call("GET /jobs/:job", { job });
}

/** Waits until something of the job's attempt has come. */
function untilProgress(job: number, attempt = 1): Promise<JobDetail> {
  return until(
    `attempt ${attempt} of job ${job} goes on`,
    async () => {
      const found = await detail(job);
      return found.attempts === attempt && found.progress !== null && found;
    },
    30_000,
  );
}

async function over(job: number): Promise<JobDetail> {
  await host.until(job, "succeeded", "failed", "cancelled");
  return detail(job);
}

async function pidOf(worker: string | null): Promise<number> {
  const { workers } = await host.client.call("GET /workers", {});
  const pid = workers.find(({ name }) => name === worker)?.pid;
  if (!pid) throw new Error(`no pid of ${worker}`);
  return pid;
}

describe.skipIf(why !== "")(`real servers${why}`, () => {
  beforeAll(async () => {
    host = await startHost({ gpus: "virtual:1x10GiB" });
    if (typeof found !== "string") addServers(host, found);
  }, 120_000);
  afterAll(() => host?.[Symbol.asyncDispose]());

  it("llama.cpp: text comes out of a prompt", async () => {
    const { code, stdout, stderr } = await host.cli(
      "submit",
      "tiny-llm",
      "--prompt",
      "hi",
      "--wait",
      "--json",
    );
    expect(stderr + stdout).toContain("succeeded");
    expect(code).toBe(0);
    const [job] = (await host.client.call("GET /jobs", {})).jobs;
    expect((await detail(job?.id ?? 0)).output).toMatchObject({
      finishReason: "length",
      usage: { completion_tokens: 8 },
    });
  });

  it("cog: files go in and out, and the GPU is handed over in between", async () => {
    const picture = join(host.home, "given.png");
    writeFileSync(picture, Buffer.from("\x89PNG\r\n\x1a\nabc", "latin1"));
    const job = await over(await submit("echo-cog", "--text", "hallo", "--picture", picture, "--steps", "8"));
    expect(job).toMatchObject({
      state: "succeeded",
      output: { text: "HALLO", picture: "picture.png" },
      artifacts: [{ name: "picture.png", bytes: 11, type: "image/png" }],
    });
    expect(job.worker).toMatch(/^echo-cog-/);
    const { stdout } = await host.cli("logs", String(job.id));
    expect(stdout).toMatch(/heard hallo\n12%.*\n100%\|###\nmetrics: /s);
    const back = await over(await submit("tiny-llm", "--prompt", "again", "--seed", "3"));
    expect(back).toMatchObject({ state: "succeeded", output: { finishReason: "length" } });
  });

  it("cog: an exception is the job's failure", async () => {
    const job = await over(await submit("echo-cog", "--text", "a", "--fault", "raise"));
    expect(job).toMatchObject({ state: "failed", attempts: 1 });
    expect(job.reason?.text).toContain("ValueError: told to fail");
  });

  it("cog: progress is seen and a job cancelled; the next one runs on the same worker", async () => {
    const job = await submit("echo-cog", "--text", "slow", "--steps", "600");
    await untilProgress(job);
    await host.cli("cancel", String(job));
    const cancelled = await over(job);
    expect(cancelled.state).toBe("cancelled");
    expect((await over(await submit("echo-cog", "--text", "next"))).worker).toBe(cancelled.worker);
  });

  it("cog: a model process that dies takes its server along, and the job runs again on another", async () => {
    const crashed = join(host.home, "crashed");
    const job = await over(await submit("echo-cog", "--text", "x", "--fault", "crash", "--crashed", crashed));
    expect(existsSync(crashed)).toBe(true);
    expect(job).toMatchObject({ state: "succeeded", attempts: 2, output: { text: "X" } });
    expect(new Set(job.history.map(({ worker }) => worker)).size).toBe(2);
  });

  it("llama.cpp: embeddings of two texts", async () => {
    const { output } = await over(await submit("tiny-embed", "--input", '["one","two"]'));
    expect(output).toMatchObject({ usage: { prompt_tokens: expect.any(Number) } });
    const { embeddings } = output as unknown as { embeddings: number[][] };
    expect(embeddings.map((one) => one.length)).toEqual([64, 64]);
    expect(embeddings[0]).not.toEqual(embeddings[1]);
  });

  it("llama.cpp: a job is cancelled in the middle, and its server serves the next one", async () => {
    const job = await submit("tiny-llm", "--prompt", "hi", "--max-tokens", CONTEXT);
    await untilProgress(job);
    await host.cli("cancel", String(job));
    const cancelled = await over(job);
    expect(cancelled.state).toBe("cancelled");
    expect((await over(await submit("tiny-llm", "--prompt", "next"))).worker).toBe(cancelled.worker);
  });

  it("llama.cpp: kill -9 of the server in the middle; the job runs again on another", async () => {
    const job = await submit("tiny-llm", "--prompt", "hi", "--max-tokens", CONTEXT);
    const { worker } = await untilProgress(job);
    process.kill(await pidOf(worker), "SIGKILL");
    const again = await untilProgress(job, 2);
    expect(again.worker).not.toBe(worker);
    expect(again.history[0]).toMatchObject({ outcome: "lost", worker });
    await host.cli("cancel", String(job));
    expect((await over(job)).state).toBe("cancelled");
  });

  it("kill -9 of the daemon in the middle: its server is taken over, the job runs again there", async () => {
    const job = await submit("tiny-llm", "--prompt", "hi", "--max-tokens", CONTEXT);
    const { worker } = await untilProgress(job);
    await host.kill();
    await host.start();
    const again = await untilProgress(job, 2);
    expect(again.worker).toBe(worker);
    await host.cli("cancel", String(job));
    expect((await over(job)).state).toBe("cancelled");
    expect(await over(await submit("tiny-llm", "--prompt", "next"))).toMatchObject({
      state: "succeeded",
      worker,
    });
  });

  it.skipIf(!isCompiled)(`llama-cpp-python: the same${isCompiled ? "" : `; ${compileHint}`}`, async () => {
    const done = await over(await submit("tiny-llm-2", "--prompt", "hi"));
    expect(done).toMatchObject({ state: "succeeded", output: { finishReason: "length" } });
    const job = await submit("tiny-llm-2", "--prompt", "hi", "--max-tokens", "3000");
    await untilProgress(job);
    await host.cli("cancel", String(job));
    expect(await over(job)).toMatchObject({ state: "cancelled", worker: done.worker });
    expect((await over(await submit("tiny-llm-2", "--prompt", "next"))).worker).toBe(done.worker);
  });
});
