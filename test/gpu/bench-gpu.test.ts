import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedOrch } from "../kit/built-orch.ts";
import { bundle } from "../kit/bundle.ts";
import { buildFakeCuda, type FakeCuda } from "../kit/fake-cuda.ts";
import { whyNoFakeNvml } from "../kit/fake-nvml.ts";

// npm run bench:gpu from end to end, on no GPU: its Python programs find a stand-in for PyTorch that counts bytes, the daemon a
// virtual GPU that reads what they count, and the freezing a fake CUDA driver.

const root = join(import.meta.dirname, "../..");
const fakeTorch = join(root, "test/fixtures/torch");
const why = await whyNoFakeNvml();

describe.skipIf(why !== null)(`the GPU benchmark without a GPU${why ? ` (skipped: ${why})` : ""}`, () => {
  let held: string;
  let cuda: FakeCuda;
  let program: string;
  beforeEach(async () => {
    held = mkdtempSync(join(tmpdir(), "orch-held-"));
    [cuda, program] = await Promise.all([buildFakeCuda({ held }), bundle(join(root, "bench/gpu/main.ts"))]);
  });
  afterEach(() => {
    cuda.remove();
    rmSync(held, { recursive: true, force: true });
    rmSync(dirname(program), { recursive: true, force: true });
  });

  async function bench(args: readonly string[], env: Record<string, string> = {}) {
    const given = {
      ...process.env,
      ...cuda.env,
      ORCH_BENCH_ROOT: root,
      ORCH_BENCH_BIN: await sharedOrch(),
      PYTHONPATH: fakeTorch,
      ...gpuOf(held, cuda),
      ...env,
    };
    return promisify(execFile)(process.execPath, [program, ...args], { env: given, cwd: held }).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        stdout: error.stdout + error.stderr,
      }),
    );
  }

  it("measures every step and proves that two workers never meet, labelled as no GPU", async () => {
    const json = join(held, "result.json");
    const gpus = `virtual:1x256MiB,held=${held}`;
    const { code, stdout } = await bench([
      ...["--sizes", "0.0625,1", "--rounds", "2", "--gpus", gpus, "--json", json],
    ]);
    expect(stdout).toContain("Not a GPU");
    const { rows, skipped, proof } = JSON.parse(readFileSync(json, "utf8"));
    const steps = rows.map(({ step }: { step: string }) => step);
    expect(steps).toEqual(["cold start", "sleep", "wake", "freeze", "thaw"]);
    for (const { firstMs, laterMs, floorMs, step, note } of rows) {
      expect(note).toBeNull();
      expect(firstMs).toBeGreaterThan(floorMs);
      if (step !== "cold start") expect(laterMs).toBeGreaterThan(floorMs);
    }
    expect(skipped).toEqual(["1 GiB, more than the GPU has"]);
    expect(proof).toMatchObject({ jobs: 20, failures: [] });
    expect(proof.switches).toBeGreaterThanOrEqual(19);
    expect(proof.byHand.toSorted()).toEqual(["held", expect.stringContaining("out of memory")]);
    expect(code).toBe(0);
    expect(cuda.calls().filter((line) => line.startsWith("checkpoint"))).toHaveLength(2);
  }, 60_000);

  it("sees weights that were lost, and a proof that is none", async () => {
    const json = join(held, "result.json");
    const gpus = `virtual:1x256MiB,held=${held}`;
    const broken = { FAKE_GPU_FORGETS: "1", FAKE_GPU_ENDLESS: "1" };
    const args = ["--sizes", "0.03125", "--rounds", "1", "--turns", "1", "--gpus", gpus, "--json", json];
    expect((await bench(args, broken)).code).toBe(1);
    const { rows, proof } = JSON.parse(readFileSync(json, "utf8"));
    const wake = rows.find(({ step }: { step: string }) => step === "wake");
    expect(wake.note).toContain("is not what it was");
    expect(proof.byHand).toEqual(["held", "held"]);
  }, 60_000);

  it("is packed into one file that needs no Node where it is run", async () => {
    const bin = await sharedOrch();
    const file = join(held, "packed.tar.gz");
    const script = join(root, "scripts/pack-gpu-bench.mjs");
    const { stdout } = await promisify(execFile)(process.execPath, [
      script,
      file,
      "--package",
      dirname(dirname(bin)),
    ]);
    const megabytes = Number(/: ([\d.]+) MB/.exec(stdout)?.[1]);
    expect(megabytes).toBeLessThan(60);
    await promisify(execFile)("tar", ["xzf", file, "-C", held]);
    const empty = { PATH: "/usr/bin:/bin", HOME: held, PYTHONPATH: fakeTorch };
    const gpus = `virtual:1x256MiB,held=${held}`;
    const done = await promisify(execFile)(
      join(held, "gpu-bench/run"),
      ["--sizes", "0.03125", "--rounds", "1", "--no-pair", "--gpus", gpus],
      { cwd: held, env: { ...empty, ...cuda.env, ...gpuOf(held, cuda) } },
    );
    expect(done.stdout).toMatch(/\| 32 MiB \| thaw \| \d/);
  }, 60_000);

  it("is skipped without PyTorch or a GPU, and fails where one is required", async () => {
    const nothing = { PYTHONPATH: "", ORCH_BENCH_PYTHON: "/usr/bin/python3" };
    const skipped = await bench([], nothing);
    expect([skipped.code, skipped.stdout]).toEqual([0, expect.stringMatching(/^skipped: PyTorch/)]);
    const required = await bench([], { ...nothing, ORCH_REQUIRE_GPU: "1" });
    expect(required.code).toBe(1);
  });
});

/** What the stand-in for PyTorch reads. */
function gpuOf(held: string, cuda: FakeCuda): Record<string, string> {
  return {
    FAKE_GPU_HELD: held,
    FAKE_GPU_BYTES: String(256 * 2 ** 20),
    FAKE_GPU_STATES: cuda.env["ORCH_FAKE_CUDA"] ?? "",
    BENCH_FLOOR_BYTES: String(2 ** 20),
  };
}
