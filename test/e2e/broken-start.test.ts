import { expect, it } from "vitest";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";
import { startHost } from "../kit/host.ts";

const YAML = `name: cold
command: [python3, handler.py]
gpu: { count: 1, vram: 1GiB }
timeouts: { stop: 1s }
warmUp: {}
`;
const HANDLER =
  "from orch_sdk import serve\nclass H:\n    def run(self, params, ctx):\n        raise ValueError('too cold')\nserve(H())\n";

it("a program whose start goes wrong after it runs is stopped before its GPU is free", async () => {
  await using host = await startHost();
  host.addRuntime("cold", YAML, { "handler.py": HANDLER });
  const { id } = await host.client.call("POST /jobs", { runtime: "cold", params: {} });
  expect((await host.until(id, "failed")).reason).toMatchObject({ code: "start-failed" });
  const { workers } = await host.client.call("GET /workers", { all: true });
  expect(workers).toHaveLength(3);
  for (const { detail } of workers) expect(detail).toMatch("its warm-up job failed: ValueError: too cold");
  const engine = createProcessEngine({ instanceId: host.instanceId, clock: systemClock });
  expect(await engine.labelled(host.instanceId)).toEqual([]);
});
