import { isAbsolute } from "node:path";
import { z } from "zod";
import { parseBytes } from "../std/bytes.ts";
import { type ListenAddress, parseListenAddress } from "../std/listen-address.ts";
import { parseAllowedPlace } from "../std/safe-fetch/address-rules.ts";

const File = z.string().refine(isAbsolute, "tls: expected absolute paths of cert and key");

const Listen = z
  .string()
  .refine((text) => addressOf(text) !== null, "listen: expected an address and a port, like 127.0.0.1:7707");

/** Where an older system is reached; each adds what is its own. */
const doorShape = {
  listen: Listen.nullable().default(null),
  prefix: z
    .string()
    .regex(/^\/[a-z0-9][a-z0-9/-]*[a-z0-9]$/, "prefix: expected a path like /lb")
    .nullable()
    .default(null),
  open: z.boolean().default(false),
  plaintext: z.boolean().default(false),
};

/** The ports at which these systems were reached. */
const oldPorts = { "load-balancer": 9001, jobs: 8080, router: 8000, mloc: 8000 } as const;

const Place = z.string().refine(isAbsolute, "expected an absolute path").nullable().default(null);

const LoadBalancer = z.strictObject({
  ...doorShape,
  models: z
    .record(
      z.string().min(1).max(200),
      z.strictObject({
        runtime: z.string().min(1).nullable().default(null),
        timeoutSeconds: z.number().positive().max(86_400).nullable().default(null),
      }),
    )
    .default({}),
  apiKeys: Place,
  logDir: Place,
  logPayloads: z.boolean().default(true),
  logMaxChars: z.number().int().min(0).max(1_000_000).default(1500),
  maxQueue: z.number().int().min(1).max(100_000).default(100),
  mediaDirs: z
    .array(z.string().refine(isAbsolute, "mediaDirs: expected absolute paths"))
    .max(100)
    .default([]),
  mediaHosts: z.array(z.string().min(1).max(255)).max(100).default([]),
});

const Jobs = z.strictObject({
  ...doorShape,
  registry: Place,
  workers: Place,
  gpuAllocation: Place,
  anyOrigin: z.boolean().nullable().default(null),
  apps: z
    .record(
      z.string().min(1).max(200),
      z.strictObject({
        runtime: z.string().min(1).nullable().default(null),
        params: z.record(z.string(), z.string().min(1)).default({}),
        cost: z
          .strictObject({
            perSecond: z.number().min(0).default(0),
            perJob: z.number().min(0).default(0),
          })
          .nullable()
          .default(null),
      }),
    )
    .default({}),
});

const NodeUrl = z
  .string()
  .regex(/^https?:\/\/[^\s/]+/, "nodes: expected addresses like http://edge.example:8001")
  .nullable()
  .default(null);

const CompatSchemas = {
  "load-balancer": LoadBalancer,
  jobs: Jobs,
  router: z.strictObject({
    ...doorShape,
    nodes: z.strictObject({ EDGE: NodeUrl, CLOUD: NodeUrl, GPU: NodeUrl }).prefault({}),
    timeoutSeconds: z.number().positive().max(86_400).default(30),
    runtimes: z
      .record(
        z.string().min(1).max(200),
        z.union([
          z.string().min(1),
          z.strictObject({
            EDGE: z.string().min(1).optional(),
            CLOUD: z.string().min(1).optional(),
            GPU: z.string().min(1).optional(),
          }),
        ]),
      )
      .default({}),
    anyOrigin: z.boolean().nullable().default(null),
  }),
  mloc: z.strictObject({
    ...doorShape,
    tokenFile: Place,
    costPerHour: z.number().min(0).max(1_000_000).default(1),
  }),
};

const System = z.enum(["load-balancer", "jobs", "router", "mloc"]);

/** A list of names, or each with its settings: null = those it has by itself. */
const CompatSchema = z.preprocess(
  (given) =>
    Array.isArray(given)
      ? Object.fromEntries(given.map((name) => [String(name), {}]))
      : typeof given === "object" && given !== null
        ? Object.fromEntries(Object.entries(given).map(([name, own]) => [name, own ?? {}]))
        : given,
  z
    .strictObject({
      "load-balancer": CompatSchemas["load-balancer"].optional(),
      jobs: CompatSchemas.jobs.optional(),
      router: CompatSchemas.router.optional(),
      mloc: CompatSchemas.mloc.optional(),
    })
    .default({}),
);

/** How much of a request is taken; a mebibyte is little for a picture already. */
const BodySize = z.union([z.string(), z.number()]).transform((given, context) => {
  try {
    const bytes = typeof given === "number" ? given : parseBytes(given);
    if (Number.isInteger(bytes) && bytes >= 2 ** 20) return bytes;
  } catch {
    // Said below.
  }
  context.issues.push({ code: "custom", message: "expected a size from 1MiB on, like 32MiB", input: given });
  return z.NEVER;
});

/** The gateway's part of config.yaml. Null = it does not listen. */
export const GatewaySchema = z
  .strictObject({
    listen: Listen,
    tls: z.strictObject({ cert: File, key: File }).nullable().default(null),
    insecureLoopback: z.boolean().default(false),
    hosts: z
      .array(
        z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "hosts: expected names in small letters"),
      )
      .max(100)
      .default([]),
    compat: CompatSchema,
    uis: z.record(z.string().min(1).max(200), Listen).default({}),
    fetch: z
      .strictObject({
        allow: z
          .array(
            z.string().refine(isPlace, "fetch.allow: expected a place like minio.lan:9000 or 10.1.0.0/16"),
          )
          .max(100)
          .default([]),
      })
      .prefault({}),
    maxBody: BodySize.prefault("32MiB"),
    maxUpload: BodySize.prefault("1GiB"),
    maxWaiting: z.number().int().min(1).max(1_000_000).default(512),
  })
  .superRefine(refuseUnsafeUis)
  .superRefine(({ listen, tls, insecureLoopback }, context) => {
    if (addressOf(listen)?.isLoopback === true) return;
    if (insecureLoopback)
      context.addIssue({ code: "custom", message: "insecureLoopback is for 127.0.0.1 and ::1 alone" });
    if (tls === null)
      context.addIssue({
        code: "custom",
        message:
          "beyond 127.0.0.1 and ::1 it needs tls: { cert: FILE, key: FILE }: keys could be read on their way",
      });
  })
  .transform((gateway) => ({ ...gateway, compat: placed(gateway) }))
  .nullable()
  .default(null)
  .describe(
    "TCP listener: listen (e.g. 127.0.0.1:7707), tls (cert and key: files), hosts (names it is called by), insecureLoopback (no keys), compat (older systems: load-balancer, jobs, router, mloc), uis (addresses of workers' own pages, by runtime), fetch (allow: places that webhooks and fetched files may be at, though not public), maxWaiting (requests that may wait in one lane), maxBody and maxUpload (largest requests)",
  );

interface UisAsked {
  readonly listen: string;
  readonly uis: Readonly<Record<string, string>>;
  readonly tls: object | null;
  readonly compat: z.infer<typeof CompatSchema>;
}

/** A page of a worker has an origin of its own, and is reached as safely as the gateway. */
function refuseUnsafeUis({ listen, uis, tls, compat }: UisAsked, context: z.RefinementCtx): void {
  const systems = Object.values(compat).flatMap((system) => system?.listen ?? []);
  const taken = new Set([listen, ...systems].map(samePlace));
  for (const [name, at] of Object.entries(uis)) {
    const say = (what: string): void =>
      context.addIssue({ code: "custom", message: `uis: ${name}: ${at} ${what}` });
    if (addressOf(at)?.isLoopback === false && tls === null)
      say("is reached from elsewhere, so it needs tls: { cert: FILE, key: FILE }");
    if (addressOf(at)?.port !== 0 && taken.has(samePlace(at))) say("is taken: each needs a port of its own");
    taken.add(samePlace(at));
  }
}

/** The same text for the same address. */
function samePlace(listen: string): string {
  const { host = "", port = 0 } = addressOf(listen) ?? {};
  return `${host} ${port}`;
}

function isPlace(text: string): boolean {
  try {
    parseAllowedPlace(text);
    return true;
  } catch {
    return false;
  }
}

function addressOf(text: string): ListenAddress | null {
  try {
    return parseListenAddress(text);
  } catch {
    return null;
  }
}

interface Asked {
  readonly listen: string;
  readonly compat: z.infer<typeof CompatSchema>;
}

/** The systems that are asked for, each at its old port beside the gateway's own address unless it says where. */
function placed({ listen, compat }: Asked): Asked["compat"] {
  const host = listen.slice(0, listen.lastIndexOf(":"));
  const at = <T extends { readonly listen: string | null; readonly prefix: string | null }>(
    system: z.infer<typeof System>,
    asked: T | undefined,
  ): T | undefined =>
    asked === undefined || asked.listen !== null || asked.prefix !== null
      ? asked
      : { ...asked, listen: `${host}:${oldPorts[system]}` };
  return {
    "load-balancer": at("load-balancer", compat["load-balancer"]),
    jobs: at("jobs", compat.jobs),
    router: at("router", compat.router),
    mloc: at("mloc", compat.mloc),
  };
}
