import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A CUprocessState that the fake driver plays. */
export type FakeCudaState = "running" | "locked" | "checkpointed" | "failed" | "checkpointing";
const states: readonly FakeCudaState[] = ["running", "locked", "checkpointed", "failed", "checkpointing"];

/** A built libcuda.so.1 that knows the checkpoint functions, and what it plays. */
export interface FakeCuda {
  /** The environment for a helper that opens it. */
  readonly env: Readonly<Record<string, string>>;
  /** Says that a process uses CUDA. */
  setState(pid: number, state: FakeCudaState): void;
  /** Null = it does not use CUDA. */
  stateOf(pid: number): FakeCudaState | null;
  /** A file of the fixture's folder ("fail-checkpoint" with a CUresult, "hang-lock", "version"); null removes it. */
  play(name: string, text: string | null): void;
  /** The calls so far, such as "lock 42 15000", but for those that only ask for a state. */
  calls(): string[];
  /** How many calls that change a state have returned of a process. */
  returned(pid: number): number;
  remove(): void;
}

/**
 * Builds the fake library (see fixtures/cuda); needs what `whyNoFakeNvml` looks for. `old`: a driver without the checkpoint
 * functions.
 * @param held folder in which programs say what they hold of virtual GPUs, if it is to move that too
 */
export async function buildFakeCuda({
  old = false,
  held,
}: {
  old?: boolean;
  held?: string;
} = {}): Promise<FakeCuda> {
  const dir = mkdtempSync(join(tmpdir(), "orch-cuda-"));
  const playDir = join(dir, "play");
  mkdirSync(playDir, { mode: 0o755 });
  const libraryPath = join(dir, "libcuda.so.1");
  const source = join(import.meta.dirname, "../fixtures/cuda/fake-cuda.c");
  const flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", ...(old ? ["-DOLD"] : [])];
  await promisify(execFile)("cc", [...flags, "-o", libraryPath, source]);
  const read = (name: string): string | null =>
    existsSync(join(playDir, name)) ? readFileSync(join(playDir, name), "utf8") : null;
  return {
    env: {
      ORCH_CUDA_LIBRARY: libraryPath,
      ORCH_FAKE_CUDA: playDir,
      ...(held === undefined ? {} : { ORCH_FAKE_CUDA_HELD: held }),
    },
    setState: (pid, state) => writeFileSync(join(playDir, String(pid)), String(states.indexOf(state))),
    stateOf: (pid) => states[Number(read(String(pid)) ?? Number.NaN)] ?? null,
    play: (name, text) =>
      text === null ? rmSync(join(playDir, name), { force: true }) : writeFileSync(join(playDir, name), text),
    calls: () =>
      (read("calls") ?? "")
        .split("\n")
        .filter((line) => line !== "" && !/^(state|cuInit|returned)/.test(line)),
    returned: (pid) =>
      (read("calls") ?? "").split("\n").filter((line) => line.startsWith(`returned ${pid} `)).length,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
