import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, startHost } from "../kit/host.ts";
import { serverFixture } from "../kit/real-servers.ts";
import { until } from "../kit/until.ts";

const yaml = (name: string, server: string, port: string) => `name: ${name}
protocol: http
command: [python3, ${serverFixture("say.py")}, "${port}", "{voice}"]
gpu: { count: 1, vram: 8GiB, mode: exclusive }
timeouts: { ready: 20s, stop: 2s }
params:
  text: { type: string, required: true }
  seconds: { type: number }
  voice: { type: string, load: true, default: low }
server:
  ready: /
  ${server}
  request: { path: /say, body: { text: "{text}", seconds: "{seconds}" } }
  response: { output: /said, artifacts: [{ at: /sound, name: said.txt, type: text/plain }] }
  progress: { path: /, every: 50ms, fraction: /far, text: /doing }
`;

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x10GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

async function submit(...words: string[]): Promise<number> {
  const { code, stdout, stderr } = await host.cli("submit", ...words, "-q");
  if (code !== 0) throw new Error(stderr);
  return Number(stdout.trim());
}

const detail = (job: number) => host.client.call("GET /jobs/:job", { job });

describe("a server with an API of its own", () => {
  it("is started with its load params on a port of orch's choice, and serves", async () => {
    host.addRuntime("say", yaml("say", "", "{port}"));
    const low = await host.until(await submit("say", "--text", "one"), "succeeded");
    const high = await host.until(await submit("say", "--text", "two", "--voice", "high"), "succeeded");
    expect((await detail(low.id)).output).toBe("low: one");
    expect(await detail(high.id)).toMatchObject({
      output: "high: two",
      artifacts: [{ name: "said.txt", bytes: 9, type: "text/plain" }],
    });
    expect(high.worker).not.toBe(low.worker);
  });

  it("is asked how far a job is, and the job is given up when it is cancelled", async () => {
    const job = await submit("say", "--text", "slow", "--seconds", "60", "--voice", "high");
    const progress = await until("it says so", async () => (await detail(job)).progress);
    expect(progress).toEqual({ fraction: 0.5, text: "speaking" });
    await host.cli("cancel", String(job));
    const { worker } = await host.until(job, "cancelled");
    const next = await host.until(await submit("say", "--text", "next", "--voice", "high"), "succeeded");
    expect(next.worker).toBe(worker);
  });

  it("is not started on a port on which another program listens", async () => {
    const stranger = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const { port } = stranger.address() as AddressInfo;
    host.addRuntime("fixed", yaml("fixed", `port: ${port}`, String(port)));
    const job = await submit("fixed", "--text", "one");
    const { reason } = await until("it says why", async () => {
      const found = await detail(job);
      return found.reason?.code === "start-failed" && found;
    });
    expect(reason?.text).toContain(
      `port ${port}, which the runtime names, cannot be had: it is held by pid ${process.pid} (node`,
    );
    await new Promise((resolve) => stranger.close(resolve));
    expect((await host.until(job, "succeeded")).attempts).toBe(1);
  });
});
