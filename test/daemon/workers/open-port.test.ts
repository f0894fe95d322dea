import { expect, it } from "vitest";
import { startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";

it("a worker whose server lets in other hosts is named in the log, with its port; one on the loopback is not", async () => {
  await using host = await startHost();
  for (const [name, bind] of Object.entries({ open: "0.0.0.0", shut: "127.0.0.1" }))
    host.addRuntime(
      name,
      `name: ${name}
protocol: http
command: [python3, -m, http.server, "{port}", --bind, ${bind}]
gpu: { count: 0 }
server: { ready: /, request: { path: /, body: {} } }
`,
    );
  for (const runtime of ["open", "shut"]) await host.client.call("POST /workers/start", { runtime });
  await until("both are ready", async () => {
    const { workers } = await host.client.call("GET /workers", {});
    return workers.length === 2 && workers.every(({ state }) => state === "ready");
  });
  const warned = host
    .log()
    .split("\n")
    .filter((line) => line.includes("listens on all addresses of this host"))
    .map((line) => JSON.parse(line) as { worker: string; port: number; level: number });
  expect(warned).toEqual([
    expect.objectContaining({ worker: "open-1", level: 40, port: expect.any(Number) }),
  ]);
});
