import { z } from "zod";
import { apiScopes } from "../std/api-key.ts";

export const ApiScope = z.enum(apiScopes);

/** At least a second and at most a year: what is longer than that is no limit to anybody. */
const PerMs = z
  .number()
  .int()
  .min(1000)
  .max(366 * 86_400_000);

export const ApiLimit = z.object({ count: z.number().int().min(1).max(1_000_000_000), perMs: PerMs });

/** A key as it is shown: everything but what it is. */
export const ApiKeyView = z.object({
  id: z.string(),
  name: z.string(),
  user: z.string().describe("whose jobs it submits and sees"),
  scopes: z.array(ApiScope),
  runtimes: z.array(z.string()).nullable().describe("null = all"),
  rate: ApiLimit.nullable().describe("requests; null = any number"),
  quota: ApiLimit.nullable().describe("jobs that it submits; null = any number"),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  usedAt: z.iso.datetime().nullable().describe("to about a minute"),
  state: z.enum(["valid", "expired"]),
});
export type ApiKeyView = z.infer<typeof ApiKeyView>;

export const GatewayView = z
  .object({
    listen: z.string().describe("as the config has it"),
    url: z.string().nullable().describe("where it listens; null = it does not"),
    detail: z.string().nullable().describe("why it does not, or what is to be known"),
    others: z
      .array(z.object({ listen: z.string(), url: z.string().nullable(), detail: z.string().nullable() }))
      .describe("addresses of older systems (gateway.compat)"),
  })
  .nullable()
  .describe("null = the config has no gateway");
export type GatewayView = z.infer<typeof GatewayView>;
