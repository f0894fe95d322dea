import { type Answer, type Asking, ask } from "../../gateway/door.ts";
import { type Host, startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";

/** A daemon that stands in for the learned router. */
export interface Router extends AsyncDisposable {
  readonly host: Host;
  ask(path: string, asking?: Asking): Promise<Answer>;
  submit(task: object): Promise<Record<string, unknown>>;
}

/** Starts it. @param settings of it, as YAML in one line. @param env of the daemon */
export async function startRouter(
  settings = "open: true",
  env: Readonly<Record<string, string>> = {},
): Promise<Router> {
  const config = `gateway:\n  listen: 127.0.0.1:0\n  compat:\n    router: { listen: "127.0.0.1:0", ${settings} }\n`;
  const host = await startHost({ config, env });
  const url = () =>
    until(
      "the router listens",
      async () => (await host.client.call("GET /keys", {})).gateway?.others[0]?.url ?? null,
    );
  const asked = async (path: string, asking: Asking = {}) => ask(await url(), { path, ...asking });
  return {
    host,
    ask: asked,
    submit: async (task) => (await asked("/api/submit-task", { method: "POST", body: task })).json,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
