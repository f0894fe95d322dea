import type { Json } from "../std/json.ts";
import type { ContainerOptions } from "./container-shape.ts";
import type { Server } from "./server-shape.ts";

/** One declared parameter of a runtime. */
export interface Param {
  readonly type: "string" | "integer" | "number" | "boolean" | "file" | "json";
  readonly required: boolean;
  readonly default: Json | undefined;
  readonly help: string;
  /** True: handed to the worker when it starts (which model to load); jobs that differ in it need different workers. */
  readonly load: boolean;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly multipleOf: number | undefined;
  /** The values allowed, for strings and numbers. */
  readonly choices: readonly (string | number)[] | undefined;
  /** MIME types or extensions a `file` param takes; empty = any. */
  readonly accept: readonly string[];
}

/** How the environment of a Python process runtime is made: one virtual environment per runtime. */
export interface PythonEnvironment {
  /** Absolute path of requirements.txt, or null: the system's python3 with the SDK on its path. */
  readonly requirementsPath: string | null;
}

/** A runtime as declared in `runtimes/<name>/runtime.yaml`, checked, with every default filled in. */
export interface Runtime {
  readonly name: string;
  readonly summary: string;
  /** Folder of runtime.yaml; the working directory of its workers. */
  readonly dir: string;
  /** Where it was found: the search order is project, user, system, shipped. */
  readonly origin: "project" | "user" | "system" | "shipped";
  readonly engine: "process" | "container";
  readonly image: string | null;
  /** Folder with the Dockerfile of the image, absolute; null = the image is pulled. */
  readonly build: string | null;
  /** Null for engine process. */
  readonly container: ContainerOptions | null;
  readonly protocol: "orch" | "exec" | "openai" | "cog" | "http";
  /** How its server is reached; null for `orch` and `exec`. */
  readonly server: Server | null;
  /** For engine process: the program and its arguments; `{param}` in an argument of an `exec` runtime is replaced. */
  readonly command: readonly string[];
  readonly python: PythonEnvironment | null;
  readonly gpu: {
    readonly count: number;
    /** Per GPU; null = all of it. */
    readonly vramBytes: number | null;
    readonly mode: "exclusive" | "shared";
    /** Whose GPUs it runs on; null = any. */
    readonly vendor: "nvidia" | "amd" | null;
    /** Whether it shares by NVIDIA's MPS, and with how many percent of the threads; null = as the config says. */
    readonly mps: { readonly isOn: boolean; readonly threads: number | null } | null;
  };
  /** CPU cores a worker holds; null = one for a job without a GPU, else none are counted. */
  readonly cpus: number | null;
  /** Memory of the host a worker holds; 0 = not counted. */
  readonly ramBytes: number;
  readonly slots: number;
  readonly replicas: { readonly min: number; readonly max: number };
  /** How long an idle worker stays: 0 = stop at once, null = for ever (written -1). */
  readonly keepAliveMs: number | null;
  /** A ready worker is left this long at least before lanes of equal priority may evict it. */
  readonly minResidencyMs: number;
  /** How its idle workers give their VRAM back without ending; null = they do not. */
  readonly sleep: {
    readonly level: 1 | 2 | "freeze";
    /** Expected to stay on each GPU until it is measured. */
    readonly residueBytes: number;
    /** Taken of the host's memory while they sleep; null = what they held of the GPUs, nothing with level 2. */
    readonly ramBytes: number | null;
    /** How long falling asleep may take, and waking. */
    readonly timeoutMs: number;
  } | null;
  /** `readyMs` null = learned from its own starts. */
  readonly timeouts: {
    readonly readyMs: number | null;
    readonly jobMs: number | null;
    readonly stopMs: number;
  };
  /** How often a ready worker is asked whether it still answers; null = never. */
  readonly checkEveryMs: number | null;
  /** Params of a job that every worker runs before it counts as ready; null = none. Of `orch`; others have it in `server`. */
  readonly warmUp: Readonly<Record<string, Json>> | null;
  readonly mounts: readonly { readonly host: string; readonly path: string; readonly readOnly: boolean }[];
  readonly secrets: readonly string[];
  /** Extra environment of the worker, from the owner of the runtime file. */
  readonly env: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, Param>>;
  /** Params that decide how long a job runs: run times are learned by groups of their values. */
  readonly estimateBy: readonly string[];
  readonly outputs: readonly string[];
  /** Other names by which requests may ask for its workers, with the load params that each stands for. */
  readonly aliases: readonly { readonly name: string; readonly params: Readonly<Record<string, Json>> }[];
}
