import { type Host, type HostOptions, startHost } from "../kit/host.ts";
import { serverFixture } from "../kit/real-servers.ts";
import { until } from "../kit/until.ts";

/** A daemon whose gateway listens, with a key. */
export interface Served extends AsyncDisposable {
  readonly host: Host;
  /** http://127.0.0.1:port */
  readonly url: string;
  /** May submit. */
  readonly key: string;
  makeKey(name: string, ...flags: string[]): Promise<string>;
}

/** Starts it. One virtual GPU: two models need it in turns. */
export async function serve(options: HostOptions & { readonly gateway?: string } = {}): Promise<Served> {
  const { gateway = "", config = "" } = options;
  const host = await startHost({
    gpus: "virtual:1x10GiB",
    ...options,
    config: `gateway:\n  listen: 127.0.0.1:0\n${gateway}${config}`,
  });
  const makeKey = async (name: string, ...flags: string[]): Promise<string> => {
    const { code, stdout, stderr } = await host.cli("keys", "add", "--name", name, "-q", ...flags);
    if (code !== 0) throw new Error(`orch keys add ended with ${code}: ${stderr}`);
    return stdout.trim();
  };
  const key = await makeKey("main", "--scope", "submit");
  const url = await until("the gateway listens", async () => {
    const { gateway } = await host.client.call("GET /keys", {});
    return gateway?.url ?? null;
  });
  return { host, url, key, makeKey, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

/** Adds a runtime with the small server of the fixtures; `more` are lines of its file. */
export function addSmall(host: Host, name: string, more = "", ...flags: string[]): void {
  const command = ["python3", serverFixture("small_openai.py"), `${name}-v1`, "{port}", ...flags];
  host.addRuntime(
    name,
    `name: ${name}
summary: a small server
protocol: openai
command: ${JSON.stringify(command)}
gpu: { count: 1, vram: 8GiB, mode: exclusive }
timeouts: { ready: 30s, stop: 2s }
checkEvery: 1s
${more.includes("slots:") ? "" : "slots: 8\n"}${more}${more.includes("params:") ? "" : "params:\n  prompt: { type: string }\n"}`,
  );
}
