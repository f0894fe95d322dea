import { isAbsolute } from "node:path";
import { z } from "zod";
import { type ListenAddress, parseListenAddress } from "../std/listen-address.ts";

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

const CompatSchemas = {
  "load-balancer": z.strictObject(doorShape),
  jobs: z.strictObject(doorShape),
  router: z.strictObject(doorShape),
  mloc: z.strictObject(doorShape),
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
  })
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
    "TCP listener: listen (e.g. 127.0.0.1:7707), tls (cert and key: files), hosts (names it is called by), insecureLoopback (no keys), compat (older systems: load-balancer, jobs, router, mloc)",
  );

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
