import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { GatewaySchema } from "../../../src/config/gateway.ts";
import { useOrch } from "../../e2e/session.ts";
import { blocksIn } from "../../kit/document-blocks.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { runCurlLines } from "../../kit/run-curl-lines.ts";
import { balancerUrl, writeBalancer, writeServer } from "./lb-home.ts";

const DOCUMENT = "docs/compat-load-balancer.md";
const createHome = useOrch();
let home: OrchHome;
beforeAll(async () => {
  home = createHome();
  writeServer(home, "gemma3");
  writeBalancer(home, "      open: true\n");
  await home.daemon();
});
afterAll(() => home[Symbol.asyncDispose]());

it("the document's config is one", () => {
  const [block = ""] = blocksIn(DOCUMENT, "yaml");
  const { gateway } = parse(block) as { gateway: unknown };
  expect(GatewaySchema.parse(gateway)?.compat["load-balancer"]).toMatchObject({
    ...{ listen: "127.0.0.1:9001", open: true, models: { qwen: { timeoutSeconds: 240 } } },
  });
});

it("the document's lines do what it says", async () => {
  const [block = ""] = blocksIn(DOCUMENT, "sh");
  const printed = [...(await runCurlLines(block, home.dir, { URL: await balancerUrl(home) })).values()];
  const [infer, lost, status, metrics, log, records, hello] = printed;
  expect(infer).toContain('"model_name_processed":"gemma3"');
  expect(lost).toBe(`{"detail":"No workers available for model 'nobody'."}`);
  expect(status).toMatch(/^\{"model_pools":\{"gemma3":\[\{"worker_id":0,/);
  expect(metrics).toContain('"total_requests":1,"success":1,"errors":0');
  expect(log?.trim().split("\n")).toHaveLength(3);
  expect(records).toContain('"count":1');
  expect(hello).toBe('{"service":"Multi-Model Load Balancer","status":"running"}');
});
