import { serverFixture } from "../kit/real-servers.ts";

/** Adds a runtime whose worker is a small web app; one slot, as runtimes have by themselves. */
export function uiRuntime(name: string, more = ""): string {
  const command = ["python3", serverFixture("small_ui.py"), name, "{port}"];
  return `name: ${name}
summary: a small web app
protocol: http
command: ${JSON.stringify(command)}
gpu: { count: 1, vram: 8GiB, mode: exclusive }
timeouts: { ready: 30s, stop: 2s }
server: { ready: /ready, request: { path: / } }
${more}`;
}
