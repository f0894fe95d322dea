import { z } from "zod";
import { parseBytes } from "../std/bytes.ts";
import { whyNotContainerArg } from "../std/container-args.ts";
import type { Problem } from "./read-yaml.ts";

/** What an engine takes as a limit: "1024", "1024:4096" or -1 for none. */
const Ulimit = z.union(
  [z.number().int().min(-1), z.string().regex(/^-?\d+(:-?\d+)?$/, "must be like 1024 or 1024:4096")],
  {
    error: "must be a number, or soft:hard like 1024:4096",
  },
);

const ShmSize = z.union([z.string(), z.number()]).transform((value, context) => {
  try {
    return parseBytes(String(value));
  } catch {
    context.issues.push({ code: "custom", message: "must be an amount like 2GiB", input: value });
    return z.NEVER;
  }
});

/** The `container` map of runtime.yaml. */
export const ContainerShape = z.strictObject({
  args: z.array(z.string().min(1).max(4096)).max(64).default([]),
  shmSize: ShmSize.optional(),
  ulimits: z.record(z.string().regex(/^[a-z]+$/, "must be a name like nofile"), Ulimit).default({}),
  user: z
    .string()
    .regex(/^(daemon|image|\d+(:\d+)?)$/, 'must be daemon, image, or numbers like "1000:1000"')
    .default("daemon"),
  network: z.enum(["default", "host", "none"]).default("default"),
  init: z.boolean().default(true),
});
export type ContainerFields = z.infer<typeof ContainerShape>;

/** How a runtime's containers are run, beyond what every container gets. */
export interface ContainerOptions {
  /** More arguments of the engine's `run`. */
  readonly args: readonly string[];
  /** Size of /dev/shm; null = the engine's own, 64 MiB. */
  readonly shmBytes: number | null;
  readonly ulimits: Readonly<Record<string, string>>;
  /** `daemon` = the daemon's own user, `image` = what the image says, else `uid` or `uid:gid`. */
  readonly user: string;
  readonly network: "default" | "host" | "none";
  /** Whether a small init is process 1, which hands signals on and reaps. */
  readonly init: boolean;
}

/** The options as the file says them, with its defaults. */
export function makeContainer(fields: ContainerFields | undefined): ContainerOptions {
  const { shmSize, ulimits, ...rest } = fields ?? ContainerShape.parse({});
  return {
    ...rest,
    shmBytes: shmSize ?? null,
    ulimits: Object.fromEntries(Object.entries(ulimits).map(([name, limit]) => [name, String(limit)])),
  };
}

/** Finds what is wrong across the keys of a container runtime. */
export function checkContainer(fields: {
  readonly engine: string;
  readonly protocol: string;
  readonly container?: ContainerFields | undefined;
}): Problem[] {
  const { engine, protocol, container } = fields;
  if (container === undefined) return [];
  if (engine !== "container")
    return [{ path: ["container"], at: "key", why: "is for engine container; this runtime is a process" }];
  const isServer = protocol !== "orch" && protocol !== "exec";
  const problems: Problem[] = container.args.flatMap((arg, index): Problem[] => {
    const why = whyNotContainerArg(arg);
    const path = ["container", "args", index];
    return why === null
      ? []
      : [{ path, at: "value", why: `${JSON.stringify(arg)} is decided by orch itself: ${why}` }];
  });
  if (isServer && container.network === "none") {
    const why = `a server of protocol ${protocol} cannot be reached without a network`;
    problems.push({ path: ["container", "network"], at: "value", why });
  }
  return problems;
}
