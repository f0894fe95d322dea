import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { ask, makeKey } from "../gateway/door.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";
import { until } from "../kit/until.ts";
import { startPredictions } from "./prediction-home.ts";
import { receive } from "./receiver.ts";

const createHome = useOrch();

describe("orch webhooks", () => {
  it("lists what became of them without their addresses, and tries again what was given up", async () => {
    await using home = createHome();
    await startPredictions(home, ["127.0.0.1"]);
    let status = 410;
    const gone = await receive((response) => response.writeHead(status).end());
    const away = await receive((response) => response.writeHead(503, { "retry-after": "600" }).end());
    const good = await receive();
    const run = (url: string) =>
      home.orch([
        "run",
        "-d",
        "--webhook",
        `${url}?token=hush`,
        "--webhook-events",
        "completed",
        "--",
        "true",
      ]);
    for (const { url } of [gone, away, good]) expect((await run(url)).code).toBe(0);
    await until("all were tried", () => [gone, away, good].every(({ told }) => told.length > 0));
    const list = await until("what came of it is noted", async () => {
      const { stdout } = await home.orch(["webhooks", "ls", "--json"]);
      const { webhooks } = JSON.parse(stdout) as { webhooks: Record<string, unknown>[] };
      return webhooks.every((each) => each["state"] !== "open" || each["detail"] !== null) ? webhooks : null;
    });
    expect(list).toMatchObject([
      { id: "3", job: 3, lastJob: null, state: "done", event: "completed", told: ["completed"], tries: 0 },
      { id: "2", state: "open", tries: 1, detail: "it was answered with 503", event: "completed" },
      { id: "1", state: "dead", detail: "it was answered with 410: it is gone", nextTry: null },
    ]);
    expect(Date.parse(String(list[1]?.["nextTry"])), "as the other side asked").toBeGreaterThan(
      Date.now() + 500_000,
    );
    expect(list.map(({ host }) => host)).toEqual([good, away, gone].map(({ url }) => new URL(url).host));
    const text = (await home.orch(["webhooks"])).stdout;
    expect(text).toMatch(/^ID +EVENT +HOST +STATE +TRIES +LAST +NEXT TRY +USER +CREATED$/m);
    expect(text).toMatch(
      /^1 +completed +127\.0\.0\.1:\d+ +dead +1 +it was answered with 410: it is gone +- /m,
    );
    const shown = (await home.orch(["webhooks", "show", "2"])).stdout;
    expect(shown).toMatch(/^state +open: not over$/m);
    for (const shows of [text, shown, JSON.stringify(list)]) expect(shows).not.toMatch(/hush|\/hook/);
    const ids = async (...flags: string[]) =>
      (await home.orch(["webhooks", "ls", "-q", ...flags])).stdout.split("\n");
    expect(await ids("--failed")).toEqual(["2", "1", ""]);
    expect(await ids("--state", "dead")).toEqual(["1", ""]);
    expect(await ids("--job", "3")).toEqual(["3", ""]);
    expect(await ids("--filter", "detail ~ 503")).toEqual(["2", ""]);
    expect((await home.orch(["webhooks", "ls", "-n", "1"])).stderr).toContain(
      "1 webhooks, and there are more",
    );

    status = 200;
    const again = await home.orch(["webhooks", "retry", "1"]);
    expect(again).toMatchObject({ code: 0, stdout: "webhook 1 is tried again\n" });
    await until("the one that was gone is told", async () => (await ids("--state", "done")).includes("1"));
    expect(gone.told[1]?.headers["webhook-id"], "the same").toBe(gone.told[0]?.headers["webhook-id"]);
    const before = away.told.length;
    expect((await home.orch(["webhooks", "retry", "--failed", "-q"])).stdout).toBe("2\n");
    await until("it is tried before its time", () => away.told.length > before);

    for (const [words, code, why] of [
      [["retry", "3"], 6, "all of webhook 3 is told"],
      [["retry", "9"], 5, 'there is no webhook "9"'],
      [["show", "1-2"], 5, 'there is no webhook "1-2"'],
      [["show", "x"], 5, 'there is no webhook "x"'],
      [["retry"], 2, "one webhook is named, or --failed given"],
      [["retry", "1", "--failed"], 2, "one webhook is named, or --failed given"],
    ] as const) {
      const found = await home.orch(["webhooks", ...words]);
      expect({ words, code: found.code }).toEqual({ words, code });
      expect(found.stderr).toContain(why);
    }
  });

  it("keeps what a retry was asked for over kill -9, and takes a day once more", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    let isGone = true;
    const receiver = await receive((response) => response.writeHead(isGone ? 410 : 200).end());
    const webhook = { url: receiver.url, events: ["completed" as const] };
    await home.client.call("POST /jobs", { runtime: "say", params: { text: "x" }, webhook });
    const stateOf = async () => (await home.client.call("GET /webhooks/:webhook", { webhook: "1" })).state;
    await until("it is given up", async () => (await stateOf()) === "dead");
    isGone = false;
    const { state } = await home.client.call("POST /webhooks/:webhook/retry", { webhook: "1" });
    expect(state).toBe("open");
    await at.daemon.kill();
    await home.daemon();
    await until("it is told", async () => (await stateOf()) === "done");
    expect(new Set(receiver.told.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  });
});

const why = whyNoUsers();
describe.skipIf(why !== null)(`webhooks of several users${why === null ? "" : `: ${why}`}`, () => {
  it("are listed and tried again by whoever's jobs they tell of, and by admins", async () => {
    await using home = createHome();
    const { ada, bob, worker } = users;
    const at = await startPredictions(home, [], `group: nogroup\nworkerUser: ${worker.name}\n`);
    const keys = {
      ada: await makeKey(home, "ada", "--user", ada.name),
      bob: await makeKey(home, "bob", "--user", bob.name),
    };
    const body = {
      runtime: "say",
      params: { text: "x" },
      webhook: { url: "http://127.0.0.1:9/", events: ["completed"] },
    };
    const path = "/api/v1/jobs";
    const { status } = await ask(at.url, { method: "POST", path, key: keys.ada, body });
    expect(status).toBe(200);
    await until("it is given up", async () => {
      const { webhooks } = await home.client.call("GET /webhooks", { failed: true });
      return webhooks[0]?.state === "dead";
    });
    const seen = async (key: string) => {
      const { json } = await ask(at.url, { path: "/api/v1/webhooks", key });
      return (json["webhooks"] as { id: string }[]).map(({ id }) => id);
    };
    expect(await seen(keys.ada)).toEqual(["1"]);
    expect(await seen(keys.bob)).toEqual([]);
    for (const [method, way] of [
      ["GET", "/api/v1/webhooks/1"],
      ["POST", "/api/v1/webhooks/1/retry"],
    ] as const) {
      expect(
        (await ask(at.url, { method, path: way, key: keys.bob, ...(method === "POST" ? { body: {} } : {}) }))
          .status,
      ).toBe(403);
      expect(
        (await ask(at.url, { method, path: way, key: keys.ada, ...(method === "POST" ? { body: {} } : {}) }))
          .status,
      ).toBe(200);
    }
    const failed = { method: "POST", path: "/api/v1/webhooks/retry-failed", body: {} };
    expect((await ask(at.url, { ...failed, key: keys.bob })).json).toMatchObject({ retried: [] });
  });
});
