import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();

/** A certificate of one's own for 127.0.0.1. */
function makeCertificate(home: OrchHome): { cert: string; key: string } {
  const [cert, key] = [join(home.dir, "cert.pem"), join(home.dir, "key.pem")];
  const what = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  const whom = ["-subj", "/CN=orch", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...what, ...whom, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { cert, key };
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
    const inodes = new Set(readFileSync("/proc/net/tcp", "utf8").matchAll(/ 0A .*? (\d+) 1 /g));
    expect(inodes).toBeDefined();
    expect((await home.client.call("GET /keys", {})).gateway).toBeNull();
    expect(daemon.stderr()).not.toContain("gateway");
  });

  it("speaks TLS by the files that are named, and nothing else then", async () => {
    await using home = createHome();
    const files = makeCertificate(home);
    writeConfig(home, `  tls: { cert: ${files.cert}, key: ${files.key} }\n`);
    await home.daemon();
    const key = await makeKey(home, "tls");
    const url = await urlOf(home);
    expect(url).toMatch(/^https:/);
    expect((await ask(url, { key, ca: readFileSync(files.cert) })).status).toBe(200);
    await expect(ask(url, { key })).rejects.toThrow(/self-signed/);
    await expect(ask(url.replace("https", "http"), { key })).rejects.toThrow();
    const old = connect({ host: "127.0.0.1", port: Number(new URL(url).port), maxVersion: "TLSv1.1" });
    const trouble = await new Promise<Error>((resolve) => old.once("error", resolve));
    expect(trouble.message).toMatch(/protocol|version|alert/i);
  });

  it("does not begin with what would not be safe, or not work: the daemon says why", async () => {
    const gateway = (text: string) => refusal(`gateway: ${text}\n`);
    const open = await gateway("{ listen: 0.0.0.0:7707 }");
    expect(open).toContain("config.yaml:1:10: gateway cannot be");
    expect(open).toContain("beyond 127.0.0.1 and ::1 it needs tls");
    expect(await gateway("{ listen: '[::]:7707', insecureLoopback: true }")).toContain(
      "insecureLoopback is for 127.0.0.1 and ::1 alone",
    );
    for (const listen of ["gpu.example:7707", "127.0.0.1", "127.0.0.1:99999", "::1:7707", "127.1:80", "0:80"])
      expect(await gateway(`{ listen: '${listen}' }`), listen).toContain("expected an address and a port");
    expect(await gateway("{ listen: 127.0.0.1:0, keys: none }")).toContain("keys");
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
    expect(daemon.stderr()).toContain(
      "warning: insecureLoopback: whoever is on this host may submit without a key",
    );
    const url = await urlOf(home);
    const post = (path: string, body: unknown) => ask(url, { method: "POST", path: `/api/v1${path}`, body });
    expect((await ask(url)).status).toBe(200);
    expect((await post("/jobs", { runtime: "note" })).status).toBe(200);
    expect((await post("/jobs/run", { command: ["true"], cwd: "/" })).status).toBe(403);
    expect((await post("/shutdown", { mode: "leave" })).status).toBe(403);
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
