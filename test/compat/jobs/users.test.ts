import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../../gateway/door.ts";
import { type TestUser, users, whyNoUsers } from "../../kit/as-user.ts";
import { type Host, startHost } from "../../kit/host.ts";
import { until } from "../../kit/until.ts";

const why = whyNoUsers();
const { ada, bob } = users;

const RESIDENT = `name: reader
gpu: { count: 0 }
command: [python3, handler.py]
params:
  sound: { type: file, required: true, accept: [.wav] }
`;
const HANDLER = `import os
from orch_sdk import serve
class Handler:
    def load(self, params): pass
    def run(self, params, ctx):
        with open(params["sound"], "rb") as file:
            return {"text": file.read().decode(), "uid": os.getuid()}
serve(Handler())
`;
const ONCE = `name: once
protocol: exec
gpu: { count: 0 }
command: [python3, once.py]
params:
  sound: { type: file, required: true, accept: [.wav] }
`;
const PROGRAM = `import os
from orch_sdk import job
ctx = job()
with open(ctx.params["sound"]) as file:
    ctx.output({"text": file.read(), "uid": os.getuid()})
`;
const SAID = "a sound that is long enough to be taken for base64, as it must be";
const SOUND = Buffer.from(SAID).toString("base64");

describe.skipIf(why !== null)(`clients on a daemon of several users (${why ?? "root"})`, () => {
  let host: Host;
  let url: string;
  const keys = new Map<TestUser, string>();
  beforeAll(async () => {
    host = await startHost({
      config: `group: nogroup
workerUser: ${users.worker.name}
gateway: { listen: "127.0.0.1:0", compat: { jobs: { listen: "127.0.0.1:0" } } }
`,
    });
    host.addRuntime("reader", RESIDENT, { "handler.py": HANDLER });
    host.addRuntime("once", ONCE, { "once.py": PROGRAM });
    for (const folder of ["runtimes", "runtimes/reader", "runtimes/once"])
      chmodSync(join(host.home, folder), 0o755);
    for (const user of [ada, bob]) {
      const { key } = await host.client.call("POST /keys", { name: user.name, user: user.name });
      keys.set(user, key);
    }
    url = await until(
      "the job orchestrator listens",
      async () => (await host.client.call("GET /keys", {})).gateway?.others[0]?.url ?? null,
    );
  }, 30_000);
  afterAll(async () => {
    await host.client.call("POST /shutdown", { mode: "kill" });
    await host.exited();
    await host[Symbol.asyncDispose]();
  });

  const submit = (user: TestUser, app: string, sound: string) =>
    ask(url, {
      path: "/submit",
      method: "POST",
      key: keys.get(user) ?? "",
      body: { app_id: app, params: { sound } },
    });
  const ended = async (user: TestUser, app: string, sound: string) => {
    const { json } = await submit(user, app, sound);
    return until("it has ended", async () => {
      const { text } = await ask(url, {
        path: `/status/${String(json["job_id"])}`,
        key: keys.get(user) ?? "",
      });
      return /"(COMPLETED|FAILED)"/.test(text) ? (JSON.parse(text) as Record<string, unknown>) : null;
    });
  };

  it("hand files to programs that run as other users than the daemon", async () => {
    expect(await ended(ada, "reader", `data:audio/wav;base64,${SOUND}`)).toMatchObject({
      status: "COMPLETED",
      result: { text: SAID, uid: users.worker.uid },
    });
    const once = await ended(ada, "once", SOUND);
    expect(once).toMatchObject({ status: "COMPLETED", result: { text: SAID } });
  });

  it("may name no file of the host, and none that others have sent", async () => {
    const paths = await host.client.call("GET /status", {});
    const folder = join(paths.paths["state"] ?? "", "inputs", String(ada.uid));
    expect(statSync(folder).mode & 0o777).toBe(0o711);
    for (const path of ["/etc/passwd", "upload:0000", join(folder, "x.wav")])
      expect(await ended(bob, "reader", path), path).toMatchObject({ status: "FAILED" });
  });
});
