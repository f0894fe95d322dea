import type { JobFlags } from "./job-options.ts";

/** The flags of `orch submit` itself; those of the runtime's parameters come on top. */
export interface SubmitFlags extends JobFlags {
  readonly param?: string[];
  readonly params?: string;
  readonly batch?: string;
  readonly wait?: boolean;
  readonly out?: string;
  readonly force?: boolean;
  /** False with --no-images. */
  readonly images?: boolean;
  readonly cron?: string;
  readonly dryRun?: boolean;
}
