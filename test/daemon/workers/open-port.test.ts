import { expect, it } from "vitest";
import { startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";

const servers = {
  open: { bind: "0.0.0.0", server: "" },
  meant: { bind: "0.0.0.0", server: ", public: true" },
  shut: { bind: "127.0.0.1", server: "" },
};

it("a worker whose server lets in other hosts is not taken for ready, and it is said why; one that may, or is on the loopback, is", async () => {
  await using host = await startHost();
  for (const [name, { bind, server }] of Object.entries(servers)) {
    host.addRuntime(
      name,
      `name: ${name}
protocol: http
command: [python3, -m, http.server, "{port}", --bind, ${bind}]
gpu: { count: 0 }
server: { ready: /, request: { path: /, body: {} }${server} }
`,
    );
    await host.client.call("POST /workers/start", { runtime: name });
  }
  await until("two are ready", async () => {
    const { workers } = await host.client.call("GET /workers", {});
    return workers.filter(({ state }) => state === "ready").length === 2;
  });
  const { id } = await host.client.call("POST /jobs", { runtime: "open" });
  const why = await until("the job knows why it waits", async () => {
    const { reason } = await host.client.call("GET /jobs/:job/why", { job: id });
    return reason.text.includes("lets in other hosts") ? reason.text : null;
  });
  expect(why).toContain("of all addresses, where nobody is asked for a key of orch");
  const { workers } = await host.client.call("GET /workers", {});
  const ready = workers.filter(({ state }) => state === "ready").map(({ runtime }) => runtime);
  expect(ready.sort()).toEqual(["meant", "shut"]);
});
