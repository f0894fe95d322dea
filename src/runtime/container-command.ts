import { dirname, isAbsolute, join } from "node:path";
import { must } from "../std/assert.ts";
import { expandForJob, type LaunchContext, type LaunchPlan, orchEnv } from "./launch.ts";
import type { Runtime } from "./runtime.ts";

/** Where a container finds the SDK for handler authors. */
const sdkDirInside = "/opt/orch/sdk";
const secretsDirInside = "/run/secrets";

/** What is known of the engine and the worker's places when a container is planned. */
export interface ContainerHost {
  /** Path of the engine's program and its arguments before the verb. */
  readonly command: readonly string[];
  readonly kind: "docker" | "podman";
  readonly isRootless: boolean;
  /** The daemon's own user. */
  readonly uid: number;
  readonly gid: number;
  /** More arguments of `run` that this host needs, from its config. */
  readonly args: readonly string[];
  /** What the container may use; null = as much as there is. */
  readonly limits: {
    readonly ramBytes: number | null;
    readonly cpuCores: number | null;
    readonly maxProcesses: number | null;
  };
  /** What one job adds to the environment; empty for workers that serve many. */
  readonly env: Readonly<Record<string, string>>;
  /** How its GPUs get into the container. */
  readonly gpuArgs: readonly string[];
  readonly name: string;
  /** The engine writes the container's id there. */
  readonly idFile: string;
  /** Folder that holds a file for each secret; null = there are none. */
  readonly secretsDir: string | null;
  /** Folder where files of jobs go in and out; null for workers whose protocol does without. */
  readonly exchangeDir: string | null;
}

/** The name of a worker's container. */
export function containerName(instanceId: string, workerId: number): string {
  return `orch-${instanceId}-${workerId}`;
}

/**
 * The command line that runs a worker's container in the foreground. Docker and podman take the same one but for the
 * user mapping. Folders of the socket and the job are mounted under their own paths, so paths mean the same inside and
 * outside; each worker has folders of its own, so none sees another's. Values of secrets are not in it: they are files.
 */
export function planContainerCommand(
  runtime: Runtime,
  context: LaunchContext,
  host: ContainerHost,
): LaunchPlan {
  const options = must(
    runtime.container,
    `planContainerCommand is for containers, "${runtime.name}" is a process`,
  );
  const image = must(runtime.image, `container runtime "${runtime.name}" has an image`);
  const inside = { ...context, sdkDir: sdkDirInside, port: portInside(runtime, context.port) };
  const argv = [
    ...host.command,
    "run",
    ...["--name", host.name, "--cidfile", host.idFile, "--pull=never", "--log-driver=none"],
    ...(options.init ? ["--init"] : []),
    ...labelsOf(runtime, inside).flatMap((label) => ["--label", label]),
    ...userOf(runtime, host),
    ...networkOf(runtime, context),
    ...limitsOf(host),
    ...(options.shmBytes === null ? [] : ["--shm-size", String(options.shmBytes)]),
    ...Object.entries(options.ulimits).flatMap(([name, limit]) => ["--ulimit", `${name}=${limit}`]),
    ...host.gpuArgs,
    ...mountsOf(runtime, context, host).flatMap((mount) => ["--volume", mount]),
    ...environmentOf(runtime, inside, host).flatMap((variable) => ["--env", variable]),
    ...host.args,
    ...options.args,
    image,
    ...expandForJob(runtime, inside),
  ];
  return { argv, env: {}, cwd: runtime.dir };
}

function labelsOf(runtime: Runtime, context: LaunchContext): string[] {
  return [
    `io.orch.instance=${context.instanceId}`,
    `io.orch.worker=${context.workerId}`,
    `io.orch.runtime=${runtime.name}`,
    `io.orch.fence=${context.fence}`,
  ];
}

/** As the daemon's own user, so that what it writes is ours: outside, whatever number that has inside. */
function userOf(runtime: Runtime, { kind, isRootless, uid, gid }: ContainerHost): string[] {
  const user = runtime.container?.user ?? "daemon";
  if (user === "image") return [];
  if (user !== "daemon") return ["--user", user];
  // Root inside a rootless container is the daemon's user outside; podman can keep the number as well.
  if (isRootless) return kind === "podman" ? ["--userns=keep-id"] : [];
  return ["--user", `${uid}:${gid}`];
}

function limitsOf({ limits: { ramBytes, cpuCores, maxProcesses } }: ContainerHost): string[] {
  return [
    ...(ramBytes === null ? [] : [`--memory=${ramBytes}`]),
    ...(cpuCores === null ? [] : [`--cpus=${cpuCores}`]),
    ...(maxProcesses === null ? [] : [`--pids-limit=${maxProcesses}`]),
  ];
}

function networkOf(runtime: Runtime, { port }: LaunchContext): string[] {
  const network = runtime.container?.network ?? "default";
  if (network !== "default") return [`--network=${network}`];
  // Never on an address that others reach.
  return port === null ? [] : ["--publish", `127.0.0.1:${port}:${runtime.server?.port ?? port}`];
}

/** With a network of its own a server listens where it always does, whatever the port is outside. */
function portInside(runtime: Runtime, port: number | null): number | null {
  return port === null ? null : (runtime.server?.port ?? port);
}

function environmentOf(runtime: Runtime, context: LaunchContext, host: ContainerHost): string[] {
  const ours = orchEnv(runtime, context);
  const isOtherUser = host.uid !== 0 && (runtime.container?.user ?? "daemon") !== "image";
  const all = {
    // A user that the image does not know has / as its home, where nothing can be written.
    ...(isOtherUser ? { HOME: "/tmp" } : {}),
    ...runtime.env,
    ...ours,
    ...renumbered(ours),
    ...host.env,
    // Images of NVIDIA's ask for all GPUs by this; an engine whose default runtime is theirs would give them.
    ...(host.gpuArgs.includes("--gpus") ? {} : { NVIDIA_VISIBLE_DEVICES: "void" }),
    ...Object.fromEntries(runtime.secrets.map((name) => [`${name}_FILE`, `${secretsDirInside}/${name}`])),
  };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}

/** Inside, only the leased boards are there, so indices count from 0; what is named by its UUID stays. */
function renumbered(ours: Readonly<Record<string, string>>): Record<string, string> {
  const shown = ours["ROCR_VISIBLE_DEVICES"];
  if (!shown || !/(^|,)\d+(,|$)/.test(shown)) return {};
  return {
    ROCR_VISIBLE_DEVICES: shown
      .split(",")
      .map((_board, at) => at)
      .join(","),
  };
}

function mountsOf(runtime: Runtime, context: LaunchContext, host: ContainerHost): string[] {
  const { job, socketPath } = context;
  const own = runtime.mounts.map(
    ({ host: folder, path, readOnly }) => `${expandHome(folder, context)}:${path}${readOnly ? ":ro" : ""}`,
  );
  const writable = [
    runtime.protocol !== "orch" || socketPath === null ? null : dirname(socketPath),
    host.exchangeDir,
    job?.outputDir ?? null,
    job?.eventsPath ?? null,
  ].filter((path) => path !== null);
  const readable = [...new Set(fileParamsOf(runtime, context))].map((path) => `${path}:${path}:ro`);
  return [
    `${context.sdkDir}:${sdkDirInside}:ro`,
    ...own,
    ...writable.map((path) => `${path}:${path}`),
    ...readable,
    ...(host.secretsDir === null ? [] : [`${host.secretsDir}:${secretsDirInside}:ro`]),
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
