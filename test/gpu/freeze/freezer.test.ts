import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createFreezer, type Freezer } from "../../../src/gpu/freeze/freezer.ts";
import { type FreezeFacts, whyNotFreeze } from "../../../src/gpu/freeze/why-not-freeze.ts";
import { systemClock } from "../../../src/std/clock.ts";
import type { Failure } from "../../../src/std/failure.ts";
import { bundleProgram } from "../../kit/bundle-program.ts";
import { buildFakeCuda, type FakeCuda } from "../../kit/fake-cuda.ts";
import { whyNoFakeNvml } from "../../kit/fake-nvml.ts";
import { until } from "../../kit/until.ts";

const why = await whyNoFakeNvml();
const deadlineMs = 20_000;
const pid = 4242;

describe.skipIf(why !== null)(`the driver's checkpoint${why ? ` (skipped: ${why})` : ""}`, () => {
  let helperPath: string;
  let cuda: FakeCuda;
  let freezer: Freezer;

  beforeAll(async () => {
    helperPath = await bundleProgram("src/gpu/freeze/freeze-helper.ts");
    cuda = await buildFakeCuda();
    freezer = freezerWith(cuda);
  });
  afterEach(() => {
    for (const name of ["fail-checkpoint", "fail-lock", "hang-checkpoint", "version", "calls", "fail-cuInit"])
      cuda.play(name, null);
  });
  afterAll(() => cuda.remove());

  function freezerWith(fake: FakeCuda): Freezer {
    return createFreezer({ clock: systemClock, helperPath, env: { ...process.env, ...fake.env } });
  }

  async function failureOf(promise: Promise<unknown>): Promise<Failure> {
    return promise.then(
      () => Promise.reject(new Error("it went well")),
      (error: Failure) => error,
    );
  }

  test("a freeze locks and checkpoints, a thaw restores and unlocks, each step with its time", async () => {
    cuda.setState(pid, "running");
    const frozen = await freezer.freeze([pid, 3], deadlineMs);
    expect(frozen.map(({ step }) => step)).toEqual(["lock", "checkpoint"]);
    expect(frozen.every(({ tookMs }) => tookMs >= 0)).toBe(true);
    expect(cuda.stateOf(pid)).toBe("checkpointed");
    // Processes of the worker that have no CUDA are passed over.
    const thawed = await freezer.thaw([1, pid, 2], deadlineMs);
    expect(thawed.map(({ step }) => step)).toEqual(["restore", "unlock"]);
    expect(cuda.stateOf(pid)).toBe("running");
    expect(cuda.calls()).toEqual([
      `lock ${pid} 5000`,
      `checkpoint ${pid} 0`,
      `restore ${pid} 0`,
      `unlock ${pid} 0`,
    ]);
  });

  test("both ask for the state first and do what is missing", async () => {
    cuda.setState(pid, "checkpointed");
    expect(await freezer.freeze([pid], deadlineMs)).toEqual([]);
    cuda.setState(pid, "locked");
    expect((await freezer.freeze([pid], deadlineMs)).map(({ step }) => step)).toEqual(["checkpoint"]);
    cuda.setState(pid, "locked");
    expect((await freezer.thaw([pid], deadlineMs)).map(({ step }) => step)).toEqual(["unlock"]);
    expect(await freezer.thaw([pid], deadlineMs)).toEqual([]);
  });

  test("a checkpoint that another helper began is waited for", async () => {
    cuda.setState(pid, "checkpointing");
    const waiting = freezer.thaw([pid], deadlineMs);
    cuda.setState(pid, "checkpointed");
    expect((await waiting).map(({ step }) => step)).toEqual(["restore", "unlock"]);
  });

  test("what the driver does not support is told by its name, and the process is unlocked again", async () => {
    cuda.setState(pid, "running");
    cuda.play("fail-checkpoint", "801");
    const failure = await failureOf(freezer.freeze([pid], deadlineMs));
    expect(failure.code).toBe("worker/no-sleep");
    expect(failure.message).toBe(
      "the CUDA driver refuses: cuCheckpointProcessCheckpoint: CUDA_ERROR_NOT_SUPPORTED",
    );
    expect(cuda.stateOf(pid)).toBe("running");
  });

  test("work that does not end in time and a failed state are failures of the worker", async () => {
    cuda.setState(pid, "running");
    cuda.play("fail-lock", "600");
    const late = await failureOf(freezer.freeze([pid], deadlineMs));
    expect([late.code, late.message]).toEqual([
      "worker/failed",
      "the CUDA driver refuses: cuCheckpointProcessLock: CUDA_ERROR_NOT_READY",
    ]);
    cuda.setState(pid, "failed");
    expect((await failureOf(freezer.thaw([pid], deadlineMs))).message).toContain('CUDA\'s state "failed"');
    expect((await failureOf(freezer.thaw([77], deadlineMs))).message).toContain(
      "none of the worker's processes",
    );
  });

  test("a driver that hangs costs the helper and not the caller", async () => {
    cuda.setState(pid, "running");
    cuda.play("hang-checkpoint", "");
    const pending = failureOf(freezer.freeze([pid], 3_000));
    await until("it hangs", () => cuda.calls().includes(`checkpoint ${pid} 0`));
    expect((await pending).message).toBe("the CUDA driver did not freeze within 3000 ms");
  });

  test("an older driver, one that does not start and none at all are told apart", async () => {
    cuda.play("version", "12040");
    const early = await failureOf(freezer.freeze([pid], deadlineMs));
    expect([early.code, early.sentence]).toEqual([
      "worker/no-sleep",
      "the CUDA driver is of version 12.4: freezing needs driver 570 (CUDA 12.8) or newer",
    ]);
    cuda.play("version", null);
    cuda.play("fail-cuInit", "100");
    expect((await failureOf(freezer.freeze([pid], deadlineMs))).message).toContain("CUDA_ERROR_NO_DEVICE");
    const old = await buildFakeCuda({ old: true });
    const lacking = await failureOf(freezerWith(old).freeze([pid], deadlineMs));
    expect(lacking.sentence).toContain("no cuCheckpointProcessGetState: freezing needs driver 570");
    old.remove();
    const absent = await failureOf(freezerWith(old).freeze([pid], deadlineMs));
    expect([absent.code, absent.message]).toEqual([
      "worker/no-sleep",
      `the CUDA driver library ${old.env["ORCH_CUDA_LIBRARY"]} cannot be loaded`,
    ]);
  });
});

test("what freezing cannot do is known before, each with its reason", () => {
  const gib = 2 ** 30;
  const good: FreezeFacts = {
    ...{ arch: "x64", gpuCount: 1, mode: "exclusive", pids: [7], isPermitted: true, mpsSocket: null },
    ...{ vramBytes: 10 * gib, availableBytes: 12 * gib },
  };
  expect(whyNotFreeze(good)).toBeNull();
  const reasonFor = (change: Partial<FreezeFacts>) => {
    const reason = whyNotFreeze({ ...good, ...change });
    return reason === null ? null : `${reason.isForGood ? "never" : "not now"}: ${reason.why}`;
  };
  expect(reasonFor({ arch: "arm64" })).toBe("never: the driver freezes on x86-64 only, and this is arm64");
  expect(reasonFor({ gpuCount: 2 })).toBe(
    "never: it has 2 GPUs, and only one can be given back and got again",
  );
  expect(reasonFor({ mode: "shared" })).toBe("never: it shares its GPU with others");
  expect(reasonFor({ pids: [] })).toBeNull();
  expect(reasonFor({ pids: [7, 8] })).toContain("never: 2 of its processes (7, 8) use the GPU");
  expect(reasonFor({ isPermitted: false })).toBe(
    "never: its process belongs to another user, and orch is not root",
  );
  expect(reasonFor({ mpsSocket: "/tmp/nvidia-mps/control" })).toBe(
    "never: it uses CUDA MPS (/tmp/nvidia-mps/control)",
  );
  expect(reasonFor({ availableBytes: 10 * gib })).toBe(
    "not now: 10 GiB are to be copied to memory, and there is 10 GiB left for it",
  );
});
