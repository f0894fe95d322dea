import { expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { startHost } from "../kit/host.ts";

test("run times are learned by the params that a runtime names, shown, used for the ETA, and forgotten", async () => {
  await using host = await startHost();
  addEchoRuntime(host, "echo", { estimateBy: ["seconds"] });
  const say = (seconds: number) =>
    host.client.call("POST /jobs", { runtime: "echo", params: { text: "x", seconds } });
  for (const seconds of [0, 1, 0, 1, 0, 1, 0]) await host.until((await say(seconds)).id, "succeeded");
  const { groups } = await host.client.call("GET /runtimes/:runtime", { runtime: "echo" });
  expect(groups).toMatchObject([
    { group: "seconds=0", run: { count: 4 } },
    { group: "seconds=~1", run: { count: 3 } },
  ]);
  expect(groups[0]?.run.meanMs).toBeLessThan(500);
  expect(groups[1]?.run.meanMs).toBeGreaterThanOrEqual(990);
  // Behind a long job of the same lane the short ones count as short: the mean of all would say 4 × 0.5 s.
  const [, , , , last] = [await say(1), await say(0), await say(0), await say(0), await say(0)];
  const { eta } = await host.client.call("GET /jobs/:job/why", { job: last?.id ?? 0 });
  expect(eta?.inMs).toBeLessThan(1_500);
  await host.until(last?.id ?? 0, "succeeded");
  await host.client.call("POST /runtimes/:runtime/forget", { runtime: "echo" });
  expect((await host.client.call("GET /runtimes/:runtime", { runtime: "echo" })).groups).toEqual([]);
});
