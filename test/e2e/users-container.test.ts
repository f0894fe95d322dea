import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JobView } from "../../src/protocol/views.ts";
import { askAs, users, whyNoUsers } from "../kit/as-user.ts";
import { startHost } from "../kit/host.ts";
import { preparePodman } from "../kit/podman.ts";

const { ada, bob, worker } = users;
const found = await preparePodman();
const why = whyNoUsers() ?? (typeof found === "string" ? found : null);

const HANDLER = `import os

from orch_sdk import serve


class Handler:
    def run(self, params, ctx):
        ctx.save("said.txt", b"said")
        with open("/proc/self/status") as status:
            rights = dict(line.rstrip().split(":\\t", 1) for line in status if ":\\t" in line)
        secret = open(os.environ["CANARY_FILE"]).read()
        return {"uid": os.getuid(), "gid": os.getgid(), "new": rights["NoNewPrivs"], "secret": secret}


serve(Handler())
`;

describe.skipIf(why !== null)(
  `containers of a daemon for several users${why === null ? "" : ` (skipped: ${why})`}`,
  () => {
    it("run as the user for workers, and what they save is its submitter's alone", async () => {
      if (typeof found === "string") return;
      const config = `group: nogroup\nworkerUser: ${worker.name}\n${found.config}`;
      await using host = await startHost({ config });
      const dir = join(host.home, "boxed");
      mkdirSync(dir, { mode: 0o755 });
      writeFileSync(join(dir, "main.py"), HANDLER);
      mkdirSync(join(host.home, "secrets"), { recursive: true, mode: 0o700 });
      writeFileSync(join(host.home, "secrets/CANARY"), "chirp", { mode: 0o400 });
      const mounts = found.pythonMounts.replace(
        "mounts: [",
        `mounts: [{ host: ${dir}, path: /app, readOnly: true }, `,
      );
      host.addRuntime(
        "boxed",
        `name: boxed
engine: container
image: ${found.image}
command: [python3, /app/main.py]
gpu: { count: 0 }
timeouts: { ready: 20s, stop: 5s }
secrets: [CANARY]
${mounts}`,
        {},
      );
      const ask = (user: typeof ada, route: string, body?: unknown) =>
        askAs(user, host.paths.socket, route, body);
      const reply = await ask(ada, "POST /jobs", { runtime: "boxed", params: {} });
      expect(reply).toMatchObject({ status: 200 });
      const { id } = JSON.parse(reply.text) as JobView;
      const { state, outputDir, output } = await host.until(id, "succeeded", "failed").then(async (job) => ({
        ...(await host.client.call("GET /jobs/:job", { job: id })),
        state: job.state,
      }));
      expect({ state, output }).toEqual({
        state: "succeeded",
        output: { uid: worker.uid, gid: worker.gid, new: "1", secret: "chirp" },
      });
      expect(readFileSync(join(outputDir, "said.txt"), "utf8")).toBe("said");
      expect(statSync(outputDir)).toMatchObject({ uid: ada.uid });
      expect(statSync(outputDir).mode & 0o777).toBe(0o700);
      expect((await ask(bob, `GET /jobs/${id}/logs`)).status).toBe(403);
      await host.client.call("POST /shutdown", { mode: "kill" });
      await host.exited();
    });
  },
);
