import type { Json } from "../std/json.ts";

/** One declared parameter of a runtime. */
export interface Param {
  readonly type: "string" | "integer" | "number" | "boolean" | "file";
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

/** A server that was not written for orch (protocols `openai`, `cog`, `http`). */
export interface Server {
  /** Where it listens; null = where orch tells it to, as {port} in its command and PORT in its environment. */
  readonly port: number | null;
  /** Path that answers 200 once jobs can be served; null = the protocol's own. */
  readonly readyPath: string | null;
  /** The name by which it knows its model; null = the one it lists first. */
  readonly model: string | null;
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
  readonly build: string | null;
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
  readonly timeouts: { readonly readyMs: number; readonly jobMs: number | null; readonly stopMs: number };
  readonly mounts: readonly { readonly host: string; readonly path: string }[];
  readonly secrets: readonly string[];
  /** Extra environment of the worker, from the owner of the runtime file. */
  readonly env: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, Param>>;
  readonly outputs: readonly string[];
}
