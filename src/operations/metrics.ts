import { z } from "zod";
import { operation } from "./operation.ts";

const contentTypes = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const;

export const metrics = operation({
  route: "GET /metrics",
  summary: "What the daemon says of itself in numbers, as text for Prometheus",
  who: "all",
  input: z.strictObject({
    format: z.enum(["prometheus", "openmetrics"]).default("prometheus").describe("of the text"),
  }),
  output: z.object({
    contentType: z.string().describe("of the text, for whoever passes it on over HTTP"),
    text: z.string().describe("all metrics; docs/metrics.md lists them"),
  }),
  run: async (ctx, { format }) => ({ contentType: contentTypes[format], text: ctx.metrics(format) }),
});
