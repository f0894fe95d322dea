import { statSync } from "node:fs";
import { type ContainerRef, callEngine } from "./container-cli.ts";

/** What a look into a container says of its GPUs. */
export type GpuSight =
  /** All there, and they open. */
  | { readonly kind: "well" }
  /** The container does not see what it holds a lease on. */
  | { readonly kind: "lost"; readonly why: string }
  /** It is not running (yet, or any more), or could not be looked into. */
  | { readonly kind: "unknown"; readonly why: string };

export interface ExpectedGpus {
  /** As nvidia-smi names them; empty = it is not asked. */
  readonly uuids: readonly string[];
  /** Device nodes that have to open inside; empty = not known. */
  readonly nodes: readonly string[];
}

const CALL_DEADLINE_MS = 10_000;
/** Exit codes of `exec` for a program that is not in the image: 126 and 127, and 255 of older podman. */
const NOT_FOUND = new Set([126, 127, 255]);
/** Opens each node and prints those that do not. */
const OPEN_NODES = 'for node do ( : <"$node" ) 2>/dev/null || echo "$node"; done';

/**
 * Looks whether the GPUs are usable inside: by the driver's own tool where the image or the engine brings it, else by
 * opening the device nodes, and without a shell in the image by looking at them from outside. After a reload of systemd
 * a container may keep its nodes and lose the right to open them; the tool says "Failed to initialize NVML" then.
 */
export async function checkContainerGpus(ref: ContainerRef, expected: ExpectedGpus): Promise<GpuSight> {
  if (expected.uuids.length === 0) return checkNodes(ref, expected.nodes);
  const listing = await exec(ref, ["nvidia-smi", "-L"]);
  if (listing.exitCode === 0) {
    const missing = expected.uuids.filter((uuid) => !listing.stdout.includes(uuid));
    return missing.length === 0
      ? { kind: "well" }
      : lost(`nvidia-smi inside does not list ${missing.join(", ")}`);
  }
  const said = `${listing.stdout} ${listing.words}`;
  if (
    /failed to initialize nvml|couldn't communicate with the nvidia driver|no devices were found/i.test(said)
  )
    return lost(said.trim().slice(0, 200));
  if (listing.exitCode === null || !NOT_FOUND.has(listing.exitCode))
    return { kind: "unknown", why: listing.words || `exit code ${listing.exitCode ?? "unknown"}` };
  if (expected.nodes.length === 0) return lost("the engine put no nvidia-smi into it, so it gave it no GPU");
  return checkNodes(ref, expected.nodes);
}

async function checkNodes(ref: ContainerRef, nodes: readonly string[]): Promise<GpuSight> {
  const opened = await exec(ref, ["sh", "-c", OPEN_NODES, "orch", ...nodes]);
  if (opened.exitCode === 0) {
    const closed = opened.stdout.split("\n").filter((line) => line !== "");
    return closed.length === 0 ? { kind: "well" } : lost(`${closed.join(", ")} cannot be opened inside`);
  }
  if (opened.exitCode === null || !NOT_FOUND.has(opened.exitCode))
    return { kind: "unknown", why: opened.words || `exit code ${opened.exitCode ?? "unknown"}` };
  const pid = await callEngine(ref, ["inspect", "--format", "{{.State.Pid}}", ref.name], {
    deadlineMs: CALL_DEADLINE_MS,
  });
  const inside = `/proc/${pid.stdout.trim()}/root`;
  if (pid.exitCode !== 0 || !isThere(inside))
    return { kind: "unknown", why: "its image has no shell to look with" };
  const absent = nodes.filter((node) => !isThere(`${inside}${node}`));
  return absent.length === 0 ? { kind: "well" } : lost(`${absent.join(", ")} is not there inside`);
}

function exec(ref: ContainerRef, argv: readonly string[]) {
  return callEngine(ref, ["exec", ref.name, ...argv], { deadlineMs: CALL_DEADLINE_MS });
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Another user's container.
    return false;
  }
}

function lost(why: string): GpuSight {
  return { kind: "lost", why };
}
