import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { GatewaySchema } from "../../../src/config/gateway.ts";
import { useOrch } from "../../e2e/session.ts";
import { blocksIn } from "../../kit/document-blocks.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { runCurlLines } from "../../kit/run-curl-lines.ts";
import { until } from "../../kit/until.ts";
import { writeJobs } from "./jobs-home.ts";

const DOCUMENT = "docs/compat-jobs.md";
const createHome = useOrch();
let home: OrchHome;
beforeAll(async () => {
  home = createHome();
  writeJobs(home);
  home.write(
    "config.yaml",
    "gateway:\n  listen: 127.0.0.1:0\n  compat:\n    jobs: { listen: '127.0.0.1:0', open: true }\n",
  );
  await home.daemon();
});
afterAll(() => home[Symbol.asyncDispose]());

it("the document's config is one", () => {
  const [block = ""] = blocksIn(DOCUMENT, "yaml");
  const { gateway } = parse(block) as { gateway: unknown };
  expect(GatewaySchema.parse(gateway)?.compat.jobs).toMatchObject({
    ...{ listen: "127.0.0.1:8080", open: true, registry: "/etc/orch/old/apps.yaml" },
    apps: { "sdxl-image-gen": { params: { num_inference_steps: "steps" } } },
  });
});

it("the document's lines do what it says", async () => {
  const url = await until(
    "it listens",
    async () => (await home.client.call("GET /keys", {})).gateway?.others[0]?.url ?? null,
  );
  const [block = ""] = blocksIn(DOCUMENT, "sh");
  const printed = [...(await runCurlLines(block, home.dir, { URL: url })).values()];
  const [submitted, , status, workers, jobs, cancelled, statuses, action, gpu, summary, config] = printed;
  expect(submitted).toMatch(/^\{"job_id":"[0-9a-f-]{36}","status":"queued"\}$/);
  expect(status).toMatch(/"status":"(QUEUED|PROCESSING|COMPLETED)"/);
  expect(workers).toMatch(/^\{"count":\d,"workers":\[/);
  expect(jobs).toMatch(/"total":\d,"page":0,"limit":10,"offset":0\}$/);
  expect(cancelled).toMatch(/^(\{"success":true,|Job not found or cannot be cancelled)/);
  expect(statuses).toMatch(/^\{"workers":\[/);
  expect(action).toMatch(/^\{"success":true,/);
  expect(gpu).toMatch(/^\{"worker_id":"painter","range":"1h","interval":"1 minute","metrics":\[/);
  expect(summary).toMatch(/^\{"total_jobs":1,"jobs_24h":1,"total_cost":[\d.]+,/);
  expect(config).toContain('"painter":{"ID":"painter"');
});
