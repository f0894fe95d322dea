import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { useOrch } from "../e2e/session.ts";
import { askAs, users, whyNoUsers } from "../kit/as-user.ts";
import { until } from "../kit/until.ts";
import { cookieOf } from "./browser.ts";
import { hasOpenssl, makeCertificate } from "./certificate.ts";
import { ask, makeKey, writeConfig } from "./door.ts";
import { uiRuntime } from "./ui-home.ts";

const createHome = useOrch();
const why = whyNoUsers();

describe("a door to a worker's page", () => {
  it.skipIf(!hasOpenssl)("speaks TLS as the gateway does, WebSockets too (needs openssl)", async () => {
    await using home = createHome({ ORCH_GPUS: "virtual:1x10GiB" });
    const files = makeCertificate(home.dir);
    writeConfig(home, `  tls: { cert: ${files.cert}, key: ${files.key} }\n  uis: { paint: "127.0.0.1:0" }\n`);
    home.write("runtimes/paint/runtime.yaml", uiRuntime("paint"));
    await home.daemon();
    const ca = readFileSync(files.cert);
    const { url: link } = await home.client.call("POST /uis/:ui/login", { ui: "paint" });
    const { origin, port, pathname, search } = new URL(link);
    expect(origin).toMatch(/^https:/);
    const entered = await ask(origin, { path: `${pathname}${search}`, ca });
    expect(entered.headers["set-cookie"]?.[0]).toMatch(
      new RegExp(`^__Host-orch-${port}=[\\w-]{43}; Path=/; .*; HttpOnly; SameSite=Strict; Secure$`),
    );
    const cookie = cookieOf(entered);
    const { json } = await ask(origin, { path: "/x", ca, headers: { cookie } });
    expect(json["headers"]).toMatchObject({
      "x-forwarded-proto": "https",
      "x-forwarded-host": `127.0.0.1:${port}`,
    });
    expect(json["headers"]).not.toHaveProperty("cookie");
    const socket = new WebSocket(`${origin.replace("https", "wss")}/ws`, { ca, headers: { cookie, origin } });
    await once(socket, "open");
    socket.send("over TLS");
    expect(String((await once(socket, "message"))[0])).toBe("over TLS");
    socket.close();
  });

  it("is shut while nobody could come in, and opens for a link or a key", async () => {
    await using home = createHome();
    writeConfig(home, '  uis: { paint: "127.0.0.1:0" }\n');
    await home.daemon();
    const door = async () => (await home.client.call("GET /uis", {})).uis[0];
    expect(await door()).toMatchObject({
      url: null,
      runtime: null,
      detail: expect.stringContaining("there is no valid key"),
    });
    const { url } = await home.client.call("POST /uis/:ui/login", { ui: "paint" });
    expect((await door())?.url).toBe(new URL(url).origin);
    const { gateway } = await home.client.call("GET /keys", {});
    expect(gateway?.url, "a link to a page opens that page's door alone").toBeNull();
    await makeKey(home, "one");
    await until(
      "the gateway listens, too",
      async () => (await home.client.call("GET /keys", {})).gateway?.url,
    );
  });

  it("stops to count as used where its runtime says so (timeouts.job)", async () => {
    await using home = createHome({ ORCH_GPUS: "virtual:1x10GiB" });
    writeConfig(home, '  uis: { paint: "127.0.0.1:0" }\n');
    home.write("runtimes/paint/runtime.yaml", uiRuntime("paint").replace("stop: 2s", "job: 1s, stop: 20s"));
    await home.daemon();
    const key = await makeKey(home, "boss", "--scope", "admin");
    const { uis } = await home.client.call("GET /uis", {});
    const url = uis[0]?.url ?? "";
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${key}` },
    });
    await once(socket, "open");
    await until(
      "its worker is idle",
      async () => {
        const { workers } = await home.client.call("GET /workers", {});
        return workers[0]?.state === "ready";
      },
      20_000,
    );
    expect((await ask(url, { path: "/x", key })).status, "who comes then begins anew").toBe(200);
    socket.close();
  });

  it.skipIf(why !== null)(
    `is opened by no user who is no admin${why === null ? "" : `: ${why}`}`,
    async () => {
      await using home = createHome();
      const { ada, worker } = users;
      const several = `group: nogroup\nworkerUser: ${worker.name}\n`;
      home.write(
        "config.yaml",
        `${several}gateway:\n  listen: 127.0.0.1:0\n  uis: { paint: "127.0.0.1:0" }\n`,
      );
      await home.daemon();
      const refused = await askAs(ada, home.socket, "POST /uis/:ui/login", { ui: "paint" });
      expect(refused.status).toBe(403);
      expect(refused.text).toContain("it is for admins");
      await home.client.call("POST /uis/:ui/login", { ui: "paint" });
    },
  );
});
