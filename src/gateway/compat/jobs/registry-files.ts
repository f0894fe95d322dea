import { z } from "zod";

// The files of the job orchestrator as its users wrote them. Keys that tell what programs once did are read and checked.

const Gb = z.number().min(0).max(100_000);
const Seconds = z
  .number()
  .min(0)
  .max(31 * 86_400);
const Text = z.string().max(10_000);

const Scalar = z.union([z.string(), z.number(), z.boolean()]).nullable();

const ParameterFile = z.strictObject({
  name: z.string().min(1),
  type: z.enum(["string", "integer", "float"]).default("string"),
  required: z.boolean().default(false),
  default: Scalar.default(null),
  description: Text.default(""),
});

const AppFile = z
  .strictObject({
    id: z.string().min(1).max(200),
    name: Text.nullable().default(null),
    // `cloud` is what `modal` was called before.
    type: z.enum(["local", "modal", "cloud"]).default("local"),
    queue: Text.nullable().default(null),
    endpoint: z
      .union([z.literal(""), z.url({ protocol: /^https?$/, error: "expected an http(s) address" })])
      .nullable()
      .default(null),
    description: Text.default(""),
    gpu_vram_gb: Gb.nullable().default(null),
    docker_image: Text.nullable().default(null),
    timeout_seconds: Seconds.nullable().default(null),
    frontend_url: Text.nullable().default(null),
    parameters: z.array(ParameterFile).max(100).nullable().default(null),
  })
  .superRefine((app, context) => {
    if (app.type !== "local" && !app.endpoint)
      context.addIssue({
        code: "custom",
        path: ["endpoint"],
        message: `${app.id} is remote and has no endpoint`,
      });
  });
export type AppFile = z.output<typeof AppFile>;

/** apps.yaml */
export const AppsFile = z
  .strictObject({ apps: z.array(AppFile).max(1000).nullable().default([]) })
  .superRefine(({ apps }, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of (apps ?? []).entries()) {
      if (seen.has(id))
        context.addIssue({ code: "custom", path: ["apps", index, "id"], message: `${id} is there twice` });
      seen.add(id);
    }
  });

const WorkerFile = z.strictObject({
  app_id: z.string().min(1).nullable().default(null),
  queue: Text.nullable().default(null),
  vram_required_gb: Gb.nullable().default(null),
  startup_time_seconds: Seconds.nullable().default(null),
  shutdown_time_seconds: Seconds.nullable().default(null),
});

/** workers.yaml */
export const WorkersFile = z.strictObject({
  workers: z.record(z.string().min(1), WorkerFile).nullable().default({}),
  settings: z
    .strictObject({
      exclusive_mode: z.boolean().nullable().default(null),
      idle_timeout: Seconds.nullable().default(null),
      max_startup_wait: Seconds.nullable().default(null),
      max_shutdown_wait: Seconds.nullable().default(null),
    })
    .nullable()
    .default(null),
});

const PRIORITY = z.number().int().min(-1000).max(1000);

/** gpu_allocation.yaml */
export const GpuAllocationFile = z.strictObject({
  gpus: z
    .array(
      z.strictObject({
        id: z.union([z.number().int().min(0), z.string()]),
        total_vram_gb: Gb.nullable().default(null),
        reserved_gb: Gb.nullable().default(null),
      }),
    )
    .nullable()
    .default([]),
  workers: z
    .record(
      z.string().min(1),
      z.strictObject({
        vram_required_gb: Gb.nullable().default(null),
        gpu_id: z
          .union([z.number().int().min(0), z.string()])
          .nullable()
          .default(null),
        exclusive: z.boolean().nullable().default(null),
        priority: PRIORITY.nullable().default(null),
      }),
    )
    .nullable()
    .default({}),
  worker_startup_timeout_seconds: Seconds.nullable().default(null),
  worker_shutdown_timeout_seconds: Seconds.nullable().default(null),
  worker_idle_timeout_seconds: Seconds.nullable().default(null),
  allocation_strategy: Text.nullable().default(null),
});
