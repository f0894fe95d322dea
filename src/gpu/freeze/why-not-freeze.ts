import { formatBytes } from "../../std/bytes.ts";

/** What freezing a worker depends on, as it was looked up. */
export interface FreezeFacts {
  /** As Node names it ("x64"). */
  readonly arch: string;
  readonly gpuCount: number;
  readonly mode: "exclusive" | "shared" | "residue";
  /** Those of its processes that the driver lists on its GPU; none where it lists no processes, or not these. */
  readonly pids: readonly number[];
  /** Whether the daemon may act on that process: its own user's, or the daemon is root. */
  readonly isPermitted: boolean;
  /** The control socket of the CUDA MPS server that the process uses, or null. */
  readonly mpsSocket: string | null;
  /** What it holds of its GPU, and the memory that its limit and the host leave for that. */
  readonly vramBytes: number;
  readonly availableBytes: number;
}

/** Left to the host besides what is copied: the driver keeps lists of its own, and others allocate too. */
const spareBytes = 2 ** 30;

/**
 * Why a worker cannot be frozen, in words, and whether that will stay so; null = it can be tried. The limits are those that
 * come with cuCheckpointProcess* (x86-64, no MPS) and orch's own (one process on one GPU that it has for itself): whatever
 * else a driver cannot copy (unified or shared memory) it says itself.
 */
export function whyNotFreeze(
  facts: FreezeFacts,
): { readonly why: string; readonly isForGood: boolean } | null {
  const lasting = (why: string) => ({ why, isForGood: true });
  const passing = (why: string) => ({ why, isForGood: false });
  const { arch, gpuCount, mode, pids, vramBytes, availableBytes } = facts;
  if (arch !== "x64") return lasting(`the driver freezes on x86-64 only, and this is ${arch}`);
  if (gpuCount !== 1) return lasting(`it has ${gpuCount} GPUs, and only one can be given back and got again`);
  if (mode !== "exclusive") return lasting("it shares its GPU with others");
  if (pids.length > 1)
    return lasting(
      `${pids.length} of its processes (${pids.join(", ")}) use the GPU, and they may share memory`,
    );
  if (!facts.isPermitted) return lasting("its process belongs to another user, and orch is not root");
  if (facts.mpsSocket !== null) return lasting(`it uses CUDA MPS (${facts.mpsSocket})`);
  if (availableBytes - spareBytes < vramBytes) {
    const left = formatBytes(Math.max(0, availableBytes));
    return passing(`${formatBytes(vramBytes)} are to be copied to memory, and there is ${left} left for it`);
  }
  return null;
}
