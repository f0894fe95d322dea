import { type Answer, type Asking, ask } from "../../gateway/door.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { serverFixture } from "../../kit/real-servers.ts";
import { until } from "../../kit/until.ts";

/** A runtime whose server speaks as OpenAI's does. */
export function writeServer(home: OrchHome, name: string, more = ""): void {
  home.write(
    `runtimes/${name}/runtime.yaml`,
    `name: ${name}
protocol: openai
command: [python3, ${serverFixture("balanced.py")}, "{port}"]
gpu: { count: 1, vram: 200MiB, mode: shared }
server: { ready: /health }
params:
  prompt: { type: string }
${more}`,
  );
}

/** A runtime with a handler, in Python. */
export function writeHandler(home: OrchHome, name: string, params: string, run: string): void {
  home.write(
    `runtimes/${name}/runtime.yaml`,
    `name: ${name}\ngpu: { count: 1, vram: 200MiB, mode: shared }\ncommand: [python3, handler.py]\nparams:\n${params}`,
  );
  home.write(
    `runtimes/${name}/handler.py`,
    `import os, time\nfrom orch_sdk import serve\nclass Handler:\n    def load(self, params): pass\n    def run(self, params, ctx):\n${run}\nserve(Handler)\n`,
  );
}

/** A config that serves the load balancer's clients. @param more settings, six spaces deep */
export function writeBalancer(home: OrchHome, more = ""): void {
  home.write(
    "config.yaml",
    `gateway:\n  listen: 127.0.0.1:0\n  compat:\n    load-balancer:\n      listen: 127.0.0.1:0\n${more}`,
  );
}

export type AskBalancer = (path: string, asking?: Asking) => Promise<Answer>;

/** Where the load balancer listens, once it does. */
export async function balancerUrl(home: OrchHome): Promise<string> {
  return until("the load balancer listens", async () => {
    const { gateway } = await home.client.call("GET /keys", {});
    return gateway?.others[0]?.url ?? null;
  });
}

/** Asks the load balancer of a home. */
export async function askBalancer(home: OrchHome): Promise<AskBalancer> {
  const url = await balancerUrl(home);
  return (path, asking) => ask(url, { ...asking, path });
}

/** `POST /infer` */
export function infer(asked: AskBalancer, model: string, body: object, headers = {}): Promise<Answer> {
  return asked("/infer", { method: "POST", headers, body: { model_name: model, request_body: body } });
}

/** What the server of a chat was sent. */
export function sentIn(answer: Answer): Record<string, unknown> & { messages: { content: unknown }[] } {
  return JSON.parse(String(answer.json["response"])) as never;
}
