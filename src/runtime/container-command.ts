import { dirname, isAbsolute, join } from "node:path";
import { assert, must } from "../std/assert.ts";
import { expandForJob, type LaunchContext, type LaunchPlan, orchEnv } from "./launch.ts";
import type { Runtime } from "./runtime.ts";

/** Where a container finds the SDK for handler authors. */
const sdkDirInside = "/opt/orch/sdk";

/**
 * The command line that runs a container worker, for `--dry-run`. docker and podman take the same one: GPUs are
 * named as CDI devices (podman ≥ 4.1, docker ≥ 28). Folders of the socket, the job and its params are mounted under
 * their own paths, so paths mean the same inside and outside. Secrets are passed by name, the value from the
 * environment of the CLI.
 */
export function planContainerCommand(
  runtime: Runtime,
  context: LaunchContext,
  program: "docker" | "podman" = "docker",
): LaunchPlan {
  assert(
    runtime.engine === "container",
    `planContainerCommand is for containers, "${runtime.name}" is a process`,
  );
  const image = must(runtime.image, `container runtime "${runtime.name}" has an image`);
  const argv = [
    program,
    "run",
    "--rm",
    "--init",
    ...["--name", `orch-${context.instanceId}-${context.workerId}`],
    ...labelsOf(runtime, context).flatMap((label) => ["--label", label]),
    ...context.gpuUuids.flatMap((uuid) => ["--device", `nvidia.com/gpu=${uuid}`]),
    ...mountsOf(runtime, context).flatMap((mount) => ["--volume", mount]),
    ...environmentOf(runtime, context).flatMap((variable) => ["--env", variable]),
    ...runtime.secrets.flatMap((name) => ["--env", name]),
    image,
    ...expandForJob(runtime, context),
  ];
  return { argv, env: context.baseEnv, cwd: runtime.dir };
}

function labelsOf(runtime: Runtime, context: LaunchContext): string[] {
  return [
    `io.orch.instance=${context.instanceId}`,
    `io.orch.worker=${context.workerId}`,
    `io.orch.runtime=${runtime.name}`,
    `io.orch.fence=${context.fence}`,
  ];
}

function environmentOf(runtime: Runtime, context: LaunchContext): string[] {
  const ours = orchEnv(runtime, { ...context, sdkDir: sdkDirInside });
  // CDI already narrows the devices; inside the container they are numbered anew, yet UUIDs stay valid.
  return Object.entries({ ...runtime.env, ...ours }).map(([name, value]) => `${name}=${value}`);
}

function mountsOf(runtime: Runtime, context: LaunchContext): string[] {
  const own = runtime.mounts.map(({ host, path }) => `${expandHome(host, context)}:${path}`);
  const writable = [
    context.socketPath === null ? null : dirname(context.socketPath),
    context.job?.outputDir ?? null,
    context.job === null ? null : dirname(context.job.eventsPath),
  ].filter((path) => path !== null);
  const readable = [...new Set(fileParamsOf(runtime, context))].map((path) => `${path}:${path}:ro`);
  return [
    `${context.sdkDir}:${sdkDirInside}:ro`,
    ...own,
    ...[...new Set(writable)].map((path) => `${path}:${path}`),
    ...readable,
  ];
}

/** Files named by params that are known at the start: load params, and the params of a one-shot job. */
function fileParamsOf(runtime: Runtime, context: LaunchContext): string[] {
  const known = { ...context.load, ...context.job?.params };
  const files = Object.entries(known).flatMap(([name, value]) =>
    runtime.params[name]?.type === "file" && typeof value === "string" && isAbsolute(value) ? [value] : [],
  );
  return context.job === null ? files : [...files, context.job.paramsPath];
}

function expandHome(host: string, context: LaunchContext): string {
  if (host !== "~" && !host.startsWith("~/")) return host;
  return join(context.baseEnv["HOME"] ?? "/", host.slice(1));
}
