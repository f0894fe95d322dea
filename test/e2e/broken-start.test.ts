import { expect, it } from "vitest";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";
import { startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

const YAML = `name: slow
command: [python3, handler.py]
python: { requirements: requirements.txt }
gpu: { count: 1, vram: 1GiB }
timeouts: { stop: 1s }
`;
const HANDLER =
  "from orch_sdk import serve\nclass H:\n    def run(self, params, ctx):\n        return 1\nserve(H())\n";

it("a program whose start goes wrong after it runs is stopped before its GPU is free", async () => {
  await using host = await startHost();
  host.addRuntime("slow", YAML, { "handler.py": HANDLER, "requirements.txt": "" });
  const { id } = await host.client.call("POST /jobs", { runtime: "slow", params: {} });
  await until("its environment is built", async () => {
    const [worker] = (await host.client.call("GET /workers", {})).workers;
    return worker?.detail.includes("environment");
  });
  // The file is read once more when the program runs, for how long it may load.
  host.addRuntime("slow", "name: slow\nbroken: true\n");
  expect((await host.until(id, "failed")).reason).toMatchObject({ code: "start-failed" });
  const { workers } = await host.client.call("GET /workers", { all: true });
  expect(workers.some((worker) => worker.detail.includes("broken"))).toBe(true);
  const engine = createProcessEngine({ instanceId: host.instanceId, clock: systemClock });
  expect(await engine.labelled(host.instanceId)).toEqual([]);
});
