import type { CompatDoor } from "../compat.ts";

/** What an app's clients are told that it cost, in dollars. */
export interface CostRule {
  readonly perSecond: number;
  readonly perJob: number;
}

/** What the config says of an app of the job orchestrator; null = as its file, or what is built in, has it. */
export interface AppOptions {
  readonly runtime: string | null;
  /** What its parameters are called by the runtime: { num_inference_steps: steps }. */
  readonly params: Readonly<Record<string, string>>;
  readonly cost: CostRule | null;
}

/** What the config says of the job orchestrator. Paths are absolute; null = none. */
export interface JobsOptions extends CompatDoor {
  /** apps.yaml; null = $APP_REGISTRY_PATH, if that is set. */
  readonly registry: string | null;
  /** workers.yaml and gpu_allocation.yaml; null = beside apps.yaml, if they are there. */
  readonly workers: string | null;
  readonly gpuAllocation: string | null;
  readonly apps: Readonly<Record<string, AppOptions>>;
  /** Whether pages of other origins may ask; null = where keys are asked for. */
  readonly anyOrigin: boolean | null;
}
