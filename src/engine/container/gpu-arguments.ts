import { Failure } from "../../std/failure.ts";
import type { FoundEngine } from "./find-container-engine.ts";

/** A GPU as a CDI specification describes it. */
interface CdiDevice {
  /** As `--device` takes it, e.g. `nvidia.com/gpu=GPU-…`. */
  readonly name: string;
  /** Device nodes that it brings into the container. */
  readonly nodes: readonly string[];
}

/** An AMD GPU, by the device nodes that its programs open. */
export interface AmdDevice {
  /** Its own node, "/dev/dri/renderD128". */
  readonly node: string;
  /** The group that may open it. */
  readonly gid: number;
}

/** What every program on an AMD GPU opens besides the GPU's own node. */
const AMD_CONTROL_NODE = "/dev/kfd";

/**
 * How AMD GPUs get into a container: by the CDI device that brings their node and no other GPU's, else by the nodes
 * themselves, which every engine can give.
 * @param gpus those leased, in order
 * @param devices what the host's CDI specifications list
 */
export function amdArguments(
  engine: Pick<FoundEngine, "kind" | "knowsCdi" | "isRootless">,
  gpus: readonly AmdDevice[],
  devices: readonly CdiDevice[],
): GpuAccess {
  const nodes = [AMD_CONTROL_NODE, ...gpus.map(({ node }) => node)];
  const listed = gpus.map(({ node }) => devices.find((device) => bringsOnly(device, node)));
  const known = listed.filter((device) => device !== undefined);
  const isListed = engine.knowsCdi && known.length === gpus.length;
  // Who is not root may open the nodes only in their group.
  const groups = engine.isRootless ? [] : [...new Set(gpus.map(({ gid }) => String(gid)))];
  const keepGroups = engine.isRootless && engine.kind === "podman" ? ["keep-groups"] : [];
  return {
    args: [
      ...(isListed ? known.map(({ name }) => name) : nodes).flatMap((device) => ["--device", device]),
      ...[...groups, ...keepGroups].flatMap((group) => ["--group-add", group]),
    ],
    nodes,
  };
}

function bringsOnly({ name, nodes }: CdiDevice, node: string): boolean {
  const render = nodes.filter((each) => each.startsWith("/dev/dri/renderD"));
  return name.startsWith("amd.com/gpu=") && render.length === 1 && render[0] === node;
}

/** How the GPUs of a worker are given to its container. */
export interface GpuAccess {
  /** Arguments of `run`. */
  readonly args: readonly string[];
  /** Nodes that have to be there inside, as far as a specification says. */
  readonly nodes: readonly string[];
}

/**
 * Chooses how GPUs get into a container: by CDI name where a specification lists them, else by `--gpus` on a real
 * Docker. podman accepts `--gpus` and gives nothing, so that is never tried.
 * @param uuids of the leased GPUs, in order
 * @param devices what the host's CDI specifications list
 * @throws Failure engine/unavailable when this engine cannot give them
 */
export function gpuArguments(
  engine: Pick<FoundEngine, "kind" | "knowsCdi" | "version">,
  uuids: readonly string[],
  devices: readonly CdiDevice[],
): GpuAccess {
  if (uuids.length === 0) return { args: [], nodes: [] };
  const listed = uuids.map((uuid) => devices.find(({ name }) => name.endsWith(`=${uuid}`)));
  const known = listed.filter((device) => device !== undefined);
  if (engine.knowsCdi && known.length === uuids.length) {
    return {
      args: known.flatMap(({ name }) => ["--device", name]),
      nodes: [...new Set(known.flatMap(({ nodes }) => nodes))],
    };
  }
  // The quotes are for the engine, which reads the value as a line of CSV.
  if (engine.kind === "docker") return { args: ["--gpus", `"device=${uuids.join(",")}"`], nodes: [] };
  const missing = uuids.filter((_uuid, at) => listed[at] === undefined);
  throw new Failure(
    "engine/unavailable",
    `${engine.kind} cannot give a container the GPU ${missing[0] ?? uuids[0]}`,
    {
      why: engine.knowsCdi
        ? "no CDI specification of this host lists it by UUID"
        : `${engine.kind} ${engine.version} does not know CDI devices`,
      hint: "sudo nvidia-ctk cdi generate --device-name-strategy=uuid --output=/etc/cdi/nvidia.yaml",
    },
  );
}
