import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import Replicate, { validateWebhook } from "replicate";
import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { ask } from "../gateway/door.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { type PredictionHome, startPredictions } from "./prediction-home.ts";
import { eventOf, receive } from "./receiver.ts";

const createHome = useOrch();

const webhookOf = async (home: OrchHome, job: number) =>
  (await home.client.call("GET /jobs/:job", { job })).webhook;

function submit(at: PredictionHome, webhook: string, more: object = {}, input: object = { text: "hello" }) {
  return ask(at.url, {
    ...{ method: "POST", path: "/replicate/v1/models/orch/say/predictions", key: at.key },
    body: { input, webhook, ...more },
  });
}

describe("webhooks", () => {
  it("tell the start, logs, output and end in order, signed so that the client of Replicate believes them", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    const receiver = await receive();
    await submit(at, receiver.url, {}, { text: "hello", until: at.gate });
    await until("what it wrote is told", () =>
      receiver.told.some((each) => eventOf(each).startsWith("logs_")),
    );
    at.openGate();
    await until("all is told", async () => (await webhookOf(home, 1))?.state === "done");
    const names = receiver.told.map(eventOf).map((name) => name.replace(/_\d+$/, ""));
    expect(names.filter((name) => name !== "logs")).toEqual(["start", "output", "completed"]);
    expect(names.indexOf("logs"), "nothing before the start").toBeGreaterThan(0);
    const bodies = receiver.told.map(({ prediction }) => prediction);
    expect(bodies[0]).toMatchObject({
      id: "1",
      status: "processing",
      output: null,
      logs: "",
      completed_at: null,
    });
    expect(bodies.at(-2)).toMatchObject({ status: "processing", output: "hello" });
    expect(bodies.at(-1)).toMatchObject({
      status: "succeeded",
      output: "hello",
      logs: "hears hello\ngoes on\n",
    });
    expect(bodies.at(-1)?.["urls"]).toMatchObject({ get: `${at.url}/replicate/v1/predictions/1` });
    const client = new Replicate({ auth: at.key, baseUrl: `${at.url}/replicate/v1` });
    const { key: secret } = await client.webhooks.default.secret.get();
    for (const { headers, body } of receiver.told) {
      const given = {
        id: String(headers["webhook-id"]),
        timestamp: String(headers["webhook-timestamp"]),
        signature: String(headers["webhook-signature"]),
      };
      expect(await validateWebhook({ ...given, body, secret })).toBe(true);
      expect(await validateWebhook({ ...given, body: `${body} `, secret })).toBe(false);
      expect(Math.abs(Number(given.timestamp) * 1000 - Date.now())).toBeLessThan(60_000);
    }
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const file = join(home.dir, "state", "webhook-secrets", String(process.getuid?.()));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(home.dir, "state", "daemon.log"), "utf8")).not.toContain(secret.slice(6));
  });

  it("tell what was asked for alone, and what is written at most twice a second", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    const receiver = await receive();
    await submit(at, receiver.url, { webhook_events_filter: ["completed"] });
    await submit(at, receiver.url, { webhook_events_filter: ["output"] }, { text: "x", fail: true });
    await submit(at, receiver.url, { webhook_events_filter: ["start"] });
    await until("all is told", async () => {
      const all = await Promise.all([1, 2, 3].map((job) => webhookOf(home, job)));
      return all.every((each) => each?.state === "done");
    });
    expect(receiver.told.map((each) => `${String(each.prediction["id"])} ${eventOf(each)}`).sort()).toEqual([
      "1 completed",
      "3 start",
    ]);
    expect((await submit(at, receiver.url, { webhook_events_filter: ["ended"] })).status).toBe(422);
    const often = await receive();
    home.write(
      "runtimes/chatty/runtime.yaml",
      "name: chatty\nprotocol: exec\ngpu: { count: 0 }\ncommand: [sh, -c, 'for n in $(seq 150); do echo $n; sleep 0.01; done']\n",
    );
    await ask(at.url, {
      method: "POST",
      path: "/runtimes/chatty/predictions",
      key: at.key,
      body: { webhook: often.url, webhook_events_filter: ["logs"] },
    });
    const times = often.told.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThan(1);
    for (const [index, atMs] of times.entries())
      if (index > 0) expect(atMs - (times[index - 1] ?? 0)).toBeGreaterThan(350);
    expect(new Set(often.told.map(eventOf)).size, "each has an id of its own").toBe(often.told.length);
  });

  it("reach whoever was away, after kill -9 of the daemon too, in order and by the same ids", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    let isAway = true;
    const receiver = await receive((response) => response.writeHead(isAway ? 503 : 200).end());
    await submit(at, receiver.url);
    await until("it was told in vain twice", () => receiver.told.length >= 2);
    expect(new Set(receiver.told.map(eventOf)), "nothing is told before what is before it").toEqual(
      new Set(["start"]),
    );
    await until("it is noted", async () => (await webhookOf(home, 1))?.detail === "it was answered with 503");
    expect((await home.orch(["show", "1"])).stdout).toMatch(
      /^webhook +http:.*hook \(still to be told: it was answered with 503\)$/m,
    );
    await at.daemon.kill();
    const [first] = receiver.told.splice(0);
    isAway = false;
    await home.daemon();
    await until("all is told", async () => (await webhookOf(home, 1))?.state === "done");
    expect(receiver.told.map(eventOf)).toEqual(["start", "output", "completed"]);
    expect(receiver.told[0]?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(receiver.told[0]?.prediction, "a late start is no end").toMatchObject({
      status: "processing",
      output: null,
    });
    expect(receiver.told.at(-1)?.prediction).toMatchObject({ status: "succeeded", output: "hello" });
  });

  it("are given up where nobody wants them or orch does not go, and that is seen", async () => {
    await using home = createHome();
    const inner = await receive();
    const gone = await receive((response) => response.writeHead(410).end());
    const moved = await receive((response) => response.writeHead(307, { location: inner.url }).end());
    const at = await startPredictions(home, [new URL(gone.url).host, new URL(moved.url).host]);
    await submit(at, gone.url);
    await submit(at, inner.url);
    await submit(at, moved.url);
    const dead = await until("two are given up", async () => {
      const both = [await webhookOf(home, 1), await webhookOf(home, 2)];
      return both.every((each) => each?.state === "dead") ? both : null;
    });
    expect(dead.map((each) => each?.detail)).toEqual([
      "it was answered with 410: it is gone",
      expect.stringMatching(
        /^webhook: orch does not go to http:\/\/127.*: it is not a public address$/,
      ) as string,
    ]);
    await until("the third is tried again", () => moved.told.length >= 2);
    expect(await webhookOf(home, 3)).toMatchObject({ state: "open", detail: "it was answered with 307" });
    expect(inner.told, "no redirect is followed").toEqual([]);
    expect((await home.orch(["show", "1"])).stdout).toContain(
      "(given up: it was answered with 410: it is gone)",
    );
    for (const url of ["ftp://example.com/", "http://ada:pw@example.com/", "nothing", "http://a\\b/"])
      expect((await submit(at, url)).status, url).toBe(422);
  });

  it("are given up after a day, however often the daemon was restarted; also of jobs from the host itself", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    const receiver = await receive((response) => response.writeHead(500).end());
    const webhook = { url: receiver.url, events: ["completed" as const] };
    await home.client.call("POST /jobs", { runtime: "say", params: { text: "local" }, webhook });
    const { nextTry } = await until("it is noted", async () => {
      const now = await webhookOf(home, 1);
      return now?.detail == null ? null : now;
    });
    expect(Date.parse(nextTry ?? "")).toBeGreaterThan(Date.now() - 2_000);
    expect(receiver.told[0]?.prediction).toMatchObject({ id: "1", status: "succeeded", output: "local" });
    expect(receiver.told[0]?.prediction).not.toHaveProperty("urls");
    await at.daemon.kill();
    const db = new Sqlite(home.database);
    db.prepare("UPDATE webhooks SET failing_since = failing_since - 86400000, next_at = 0").run();
    db.close();
    await home.daemon();
    await until("it is given up", async () => (await webhookOf(home, 1))?.state === "dead");
    expect(await webhookOf(home, 1)).toMatchObject({
      detail: "it was answered with 500, for a day",
      nextTry: null,
    });
    expect(readFileSync(join(home.dir, "state", "daemon.log"), "utf8")).toContain("a webhook is given up");
  });

  it("are not held up by one who is slow, and hold up nobody", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    const slow = await receive(() => undefined);
    const quick = await receive();
    for (let n = 0; n < 12; n += 1) await submit(at, slow.url, { webhook_events_filter: ["completed"] });
    const { json } = await submit(at, quick.url, { webhook_events_filter: ["completed"] });
    await until("the quick one is told", () => quick.told.length === 1);
    expect(quick.told[0]?.prediction["id"]).toBe(json["id"]);
    expect(slow.told.length, "so many at once of one host").toBeLessThanOrEqual(4);
    expect((await home.client.call("GET /status", {})).longestStallMs).toBeLessThan(1_000);
    at.daemon.signal("SIGTERM");
    expect(await at.daemon.ended, "nor the end of the daemon").toBe(0);
    const log = readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
    expect(log.split("\n").filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
  });
});
