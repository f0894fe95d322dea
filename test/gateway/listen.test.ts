import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { until } from "../kit/until.ts";
import { cookieOf } from "./browser.ts";
import { hasOpenssl, makeCertificate } from "./certificate.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();

/** Inodes of the TCP sockets on which a process listens; see proc_pid_net(5). */
function tcpListeners(pid: number): string[] {
  const own = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return []; // Closed meanwhile.
    }
  });
  const tables = ["tcp", "tcp6"].map((name) => readFileSync(`/proc/${pid}/net/${name}`, "utf8"));
  const all = tables.flatMap((text) => text.split("\n").map((line) => line.trim().split(/\s+/)));
  const listening = all.filter(([, , , state]) => state === "0A").map((fields) => fields[9] ?? "");
  return own.filter((inode) => listening.includes(inode));
}

/** What keeps a daemon with this config from starting. */
async function refusal(config: string): Promise<string> {
  await using home = createHome();
  home.write("config.yaml", config);
  const daemon = home.launchDaemon();
  expect(await daemon.ended).not.toBe(0);
  return daemon.stderr();
}

describe("the gateway", () => {
  it("is off unless the config says otherwise", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    await makeKey(home, "useless");
    expect(tcpListeners(daemon.pid)).toEqual([]);
    expect((await home.client.call("GET /keys", {})).gateway).toBeNull();
    expect(daemon.stderr()).not.toContain("gateway");
    await using other = createHome();
    writeConfig(other, "  insecureLoopback: true\n");
    const { pid } = await other.daemon();
    expect(tcpListeners(pid), "one that listens would be found").toHaveLength(1);
  });

  it.skipIf(!hasOpenssl)(
    "speaks TLS by the files that are named, and nothing else then (needs openssl)",
    async () => {
      await using home = createHome();
      const files = makeCertificate(home.dir);
      writeConfig(home, `  tls: { cert: ${files.cert}, key: ${files.key} }\n`);
      await home.daemon();
      const key = await makeKey(home, "tls");
      const url = await urlOf(home);
      expect(url).toMatch(/^https:/);
      const ca = readFileSync(files.cert);
      expect((await ask(url, { key, ca })).status).toBe(200);
      await expect(ask(url, { key })).rejects.toThrow(/self-signed/);
      await expect(ask(url.replace("https", "http"), { key })).rejects.toThrow();
      const old = connect({ host: "127.0.0.1", port: Number(new URL(url).port), maxVersion: "TLSv1.1" });
      const trouble = await new Promise<Error>((resolve) => old.once("error", resolve));
      expect(trouble.message).toMatch(/protocol|version|alert/i);
      const enter = (origin: string) =>
        ask(url, { method: "POST", path: "/dashboard/login", body: { key }, ca, headers: { origin } });
      expect((await enter(url.replace("https", "http"))).status, "a page that came without TLS").toBe(403);
      const entered = await enter(url);
      const cookie = `^__Host-orch-${new URL(url).port}=[\\w-]{43}; Path=/; .*; HttpOnly; SameSite=Strict; Secure$`;
      expect(entered.headers["set-cookie"]?.[0]).toMatch(new RegExp(cookie));
      const headers = { cookie: cookieOf(entered) };
      expect((await ask(url, { path: "/dashboard/me", ca, headers })).status).toBe(200);
    },
  );

  it.skipIf(!hasOpenssl)(
    "takes a certificate that was renewed, and cuts nobody off for it (needs openssl)",
    { timeout: 30_000 },
    async () => {
      await using home = createHome();
      const files = makeCertificate(home.dir);
      writeConfig(home, `  tls: { cert: ${files.cert}, key: ${files.key} }\n`);
      const daemon = await home.daemon();
      const key = await makeKey(home, "renewed");
      const happens = () => home.client.call("POST /jobs/run", { command: ["true"], cwd: "/" });
      await happens();
      const url = await urlOf(home);
      const first = readFileSync(files.cert);
      const old = connect({ host: "127.0.0.1", port: Number(new URL(url).port), ca: first });
      await new Promise((resolve) => old.once("secureConnect", resolve));
      const head = `GET /api/v1/events?follow=true HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n\r\n`;
      old.write(head);
      await new Promise((resolve) => old.once("data", resolve));
      const log = (): string => readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
      writeFileSync(files.key, "half a key");
      await until("what is of no use is said", () => log().includes("goes on with its last certificate"));
      expect((await ask(url, { key, ca: first })).status).toBe(200);
      makeCertificate(home.dir);
      const second = readFileSync(files.cert);
      const served = () => ask(url, { key, ca: second }).catch(() => null);
      await until("the new one is served", async () => (await served())?.status === 200);
      await expect(ask(url, { key, ca: first })).rejects.toThrow();
      const more = new Promise((resolve) => old.once("data", resolve));
      await happens();
      await more;
      expect(old.destroyed).toBe(false);
      old.destroy();
      expect(daemon.isRunning()).toBe(true);
    },
  );

  it("does not begin with what would not be safe, or not work: the daemon says why", async () => {
    const gateway = (text: string) => refusal(`gateway: ${text}\n`);
    const open = await gateway("{ listen: 0.0.0.0:7707 }");
    expect(open).toContain("config.yaml:1:10: gateway cannot be");
    expect(open).toContain("beyond 127.0.0.1 and ::1 it needs tls");
    const systems = {
      jobs: "{ listen: 0.0.0.0:7708, open: true, plaintext: true }",
      router: "{ listen: '[::]:7708' }",
    };
    for (const [system, asked] of Object.entries(systems)) {
      const older = await gateway(`{ listen: 127.0.0.1:0, compat: { ${system}: ${asked} } }`);
      expect(older, system).toMatch(/:7708 is reached from elsewhere\n.*it needs tls, and keys/);
    }
    const missing = await gateway("{ listen: 127.0.0.1:0, tls: { cert: /nowhere/c, key: /nowhere/k } }");
    expect(missing).toContain("error: gateway: /nowhere/c cannot be read");
    const text = await gateway("{ listen: 127.0.0.1:0, tls: { cert: /etc/passwd, key: /etc/passwd } }");
    expect(text).toContain("are no certificate and its key");
  });

  it("serves requests without a key on the loopback when told to, to read and submit, and warns of it", async () => {
    await using home = createHome();
    writeConfig(home, "  insecureLoopback: true\n");
    home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
    const daemon = await home.daemon();
    expect(daemon.stderr()).toContain("is open: whoever is on this host may submit without a key");
    const url = await urlOf(home);
    const post = (path: string, body: unknown) => ask(url, { method: "POST", path: `/api/v1${path}`, body });
    expect((await ask(url)).status).toBe(200);
    expect((await post("/jobs", { runtime: "note" })).status).toBe(200);
    expect((await post("/jobs/run", { command: ["true"], cwd: "/" })).status).toBe(403);
    expect((await post("/shutdown", { mode: "leave" })).status).toBe(403);
    expect((await ask(url, { path: "/upstream/note/" })).status, "as good as an admin's").toBe(403);
    const command = await home.client.call("POST /jobs/run", { command: ["true"], cwd: "/" });
    await until("the command is over", async () => {
      const { state } = await home.client.call("GET /jobs/:job", { job: command.id });
      return state === "succeeded";
    });
    expect((await post(`/jobs/${command.id}/retry`, {})).json["title"]).toContain("runs a command");
    expect((await ask(url, { headers: { host: "evil.example" } })).status).toBe(403);
    expect((await ask(url, { key: "orch_wrong" })).status, "a key that is given is looked at").toBe(401);
  });

  it("goes on when its port is taken, says so, and listens once it is free", {
    timeout: 30_000,
  }, async () => {
    const taker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taker.once("listening", resolve));
    const { port } = taker.address() as { port: number };
    await using home = createHome();
    home.write("config.yaml", `gateway: { listen: "127.0.0.1:${port}" }\n`);
    await home.daemon();
    const key = await makeKey(home, "late");
    const { gateway } = await home.client.call("GET /keys", {});
    expect(gateway?.detail).toBe(`the gateway cannot listen on 127.0.0.1:${port}: EADDRINUSE`);
    taker.close();
    expect((await ask(await urlOf(home), { key })).status).toBe(200);
    await until(
      "it says no more",
      async () => (await home.client.call("GET /keys", {})).gateway?.detail === null,
    );
  });
});
