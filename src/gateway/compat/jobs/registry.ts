import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import type { GatewayPort } from "../../port.ts";
import { createFileWatch } from "../file-watch.ts";
import { readYamlFile } from "../read-yaml-file.ts";
import { knownApp, type Parameter } from "./known-apps.ts";
import type { AppOptions, CostRule, JobsOptions } from "./options.ts";
import { type AppFile, AppsFile, GpuAllocationFile, WorkersFile } from "./registry-files.ts";

/** An app as its files, the config and what is known of it have it. */
export interface App {
  readonly id: string;
  readonly name: string;
  /** Remote ones have an endpoint. */
  readonly type: "local" | "modal";
  readonly queue: string | null;
  readonly endpoint: string | null;
  readonly description: string;
  /** As a file says it; null = as its runtime has it. */
  readonly vramGb: number | null;
  readonly dockerImage: string | null;
  readonly timeoutSeconds: number | null;
  readonly frontendUrl: string | null;
  /** Null = those of its runtime. */
  readonly parameters: readonly Parameter[] | null;
  /** As the config has it; null = by its id or image. */
  readonly runtime: string | null;
  readonly paramNames: Readonly<Record<string, string>>;
  readonly cost: CostRule | null;
  /** Its name in workers.yaml. */
  readonly worker: string | null;
  /** Of its jobs; higher first. */
  readonly priority: number;
  /** Index or UUID of the GPU that its worker is started on. */
  readonly gpu: string | null;
}

/** All that the files say. */
export interface Registry {
  readonly apps: ReadonlyMap<string, App>;
  /** Whether there are apps at all: without, each runtime is one. */
  readonly isGiven: boolean;
  /** How long an idle worker stays; null = as its runtime says. */
  readonly idleMs: number | null;
}

/** Gives the registry as the files have it now. What is wrong with a changed file is logged, and the last good state holds. */
export type ReadRegistry = () => Registry;

/** Remote apps have always had a limit. */
const REMOTE_TIMEOUT_SECONDS = 300;

/** @throws Failure config/invalid, file/unreadable: a file cannot be taken as it is, with file:line:col */
export function createRegistry(port: Pick<GatewayPort, "clock" | "log">, options: JobsOptions): ReadRegistry {
  const places = placesOf(options);
  const watch = createFileWatch(port.clock);
  const paths = [places.apps, places.workers, places.gpus].flatMap((path) => path ?? []);
  watch.hasChanged(paths);
  const read = (): Registry => {
    const notes: string[] = [];
    const registry = readAll(places, options, notes);
    for (const note of notes) port.log.warn({ part: "job orchestrator" }, note);
    return registry;
  };
  let registry = read();
  return () => {
    if (!watch.hasChanged(paths)) return registry;
    try {
      registry = read();
    } catch (error) {
      port.log.error(
        { err: error, part: "job orchestrator" },
        "a changed file cannot be read; what it said before holds",
      );
    }
    return registry;
  };
}

interface Places {
  readonly apps: string | null;
  readonly workers: string | null;
  readonly gpus: string | null;
}

/** Those that are asked for have to be there; the others count where they are. */
function placesOf(options: JobsOptions): Places {
  const named = process.env["APP_REGISTRY_PATH"];
  const apps = options.registry ?? (named === undefined || named === "" ? null : resolve(named));
  const beside = (given: string | null, name: string): string | null => {
    if (given !== null || apps === null) return given;
    const path = join(dirname(apps), name);
    return existsSync(path) ? path : null;
  };
  return {
    apps,
    workers: beside(options.workers, "workers.yaml"),
    gpus: beside(options.gpuAllocation, "gpu_allocation.yaml"),
  };
}

function readAll(places: Places, options: JobsOptions, notes: string[]): Registry {
  const take = <T>(path: string | null, schema: z.ZodType<T>): T | null => {
    if (path === null) return null;
    const { value, unknown } = readYamlFile(path, schema);
    for (const key of unknown) notes.push(`${key} is not known, and has no effect`);
    return value;
  };
  const files = take(places.apps, AppsFile)?.apps ?? [];
  const workers = take(places.workers, WorkersFile);
  const gpus = take(places.gpus, GpuAllocationFile);
  noteIdle(gpus, places.gpus, notes);
  const fromFiles = files.map((file) => appOf(file.id, file, options.apps[file.id], workers, gpus));
  const listed = new Set(files.map(({ id }) => id));
  const fromConfig = Object.entries(options.apps)
    .filter(([id]) => !listed.has(id))
    .map(([id, own]) => appOf(id, null, own, workers, gpus));
  const idle = gpus?.worker_idle_timeout_seconds ?? workers?.settings?.idle_timeout ?? null;
  return {
    apps: new Map([...fromFiles, ...fromConfig].map((app) => [app.id, app])),
    isGiven: places.apps !== null || fromConfig.length > 0,
    idleMs: idle === null ? null : idle * 1000,
  };
}

type Workers = z.output<typeof WorkersFile> | null;
type Gpus = z.output<typeof GpuAllocationFile> | null;

function noteIdle(gpus: Gpus, path: string | null, notes: string[]): void {
  if (gpus?.gpus?.some((gpu) => (gpu.reserved_gb ?? 0) > 0))
    notes.push(`${path}: gpus.reserved_gb is for vramReserve in config.yaml to say, and has no effect here`);
}

function appOf(
  id: string,
  file: AppFile | null,
  own: AppOptions | undefined,
  workers: Workers,
  gpus: Gpus,
): App {
  const known = knownApp(id);
  const [worker, declared] =
    Object.entries(workers?.workers ?? {}).find(([, { app_id }]) => app_id === id) ?? [];
  const allocation = gpus?.workers?.[worker ?? id] ?? gpus?.workers?.[id];
  const isRemote = file !== null && file.type !== "local";
  return {
    id,
    name: file?.name ?? id,
    type: isRemote ? "modal" : "local",
    queue: file?.queue ?? declared?.queue ?? null,
    endpoint: file?.endpoint ?? null,
    description: file?.description ?? "",
    vramGb: allocation?.vram_required_gb ?? declared?.vram_required_gb ?? file?.gpu_vram_gb ?? null,
    dockerImage: file?.docker_image ?? null,
    timeoutSeconds: file?.timeout_seconds || (isRemote ? REMOTE_TIMEOUT_SECONDS : null),
    frontendUrl: file?.frontend_url ?? null,
    parameters:
      file?.parameters?.map((parameter) => withRange(parameter, known?.parameters)) ??
      known?.parameters ??
      null,
    runtime: own?.runtime ?? null,
    paramNames: own?.params ?? {},
    cost: own?.cost ?? known?.cost ?? null,
    worker: worker ?? null,
    priority: allocation?.priority ?? 0,
    gpu: allocation?.gpu_id == null ? null : String(allocation.gpu_id),
  };
}

/** The file has no ranges: those of the app hold. */
function withRange(parameter: Parameter, known: readonly Parameter[] = []): Parameter {
  const { min, max } = known.find(({ name }) => name === parameter.name) ?? {};
  return { ...parameter, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}
