import http from "node:http";
import { describe, expect, it } from "vitest";
import { query, useOrch } from "../e2e/session.ts";
import { type Asking, ask, makeKey } from "../gateway/door.ts";
import { until } from "../kit/until.ts";
import { type PredictionHome, startPredictions } from "./prediction-home.ts";

const createHome = useOrch();

function predict(at: PredictionHome, body: unknown, asking: Asking = {}) {
  return ask(at.url, { method: "POST", path: "/runtimes/say/predictions", key: at.key, body, ...asking });
}

/** The events of a stream as text, with their ids. */
function eventsOf(text: string): { id: string; name: string; data: Record<string, unknown> }[] {
  return [...text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)\n\n/gm)].map(
    ([, id = "", name = "", data = ""]) => ({
      ...{ id, name },
      data: JSON.parse(data) as Record<string, unknown>,
    }),
  );
}

describe("runtimes in the shape of Cog", () => {
  it("wait for the end unless they are told not to, and count an id of the client's once", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const done = await predict(at, { input: { text: "good day" } });
    expect(done.status).toBe(200);
    expect(done.json).toMatchObject({
      id: "1",
      status: "succeeded",
      output: "good day",
      error: null,
      orch: { job: 1 },
    });
    expect(done.json["metrics"]).toMatchObject({ predict_time: expect.any(Number) as number });
    const files = await predict(at, { input: { text: "kept", save: true } });
    expect(files.json["output"]).toBe(`data:text/plain;base64,${Buffer.from("kept").toString("base64")}`);
    const failed = await predict(at, { input: { text: "x", fail: true } });
    expect(failed).toMatchObject({ status: 200, json: { status: "failed", output: null } });
    const body = { input: { text: "once", until: at.gate } };
    const put = (more: unknown = body, headers: Asking["headers"] = { prefer: "respond-async" }) =>
      predict(at, more, { method: "PUT", path: "/runtimes/say/predictions/run-7", headers });
    const first = await put();
    expect(first).toMatchObject({ status: 202, json: { id: "run-7" } });
    const again = await put();
    expect(again.json["orch"]).toMatchObject({ job: 4 });
    expect((await put({ input: { text: "other" } })).status, "the same id for something else").toBe(422);
    at.openGate();
    expect((await put(body, {})).json, "the same run, waited for").toMatchObject({
      status: "succeeded",
      orch: { job: 4 },
    });
    const look = (path: string) => ask(at.url, { key: at.key, path });
    expect((await look("/runtimes/say/predictions/run-7")).json).toMatchObject({
      id: "run-7",
      status: "succeeded",
    });
    expect((await look("/runtimes/charlm/predictions/run-7")).status, "it is none of another's").toBe(404);
    expect(query(home, "SELECT count(*) AS jobs FROM jobs")).toEqual([{ jobs: 4 }]);
  });

  it("answer within the time that is asked for, with the state of then", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const held = { input: { text: "waits", until: at.gate } };
    const cut = await predict(at, held, { headers: { prefer: "wait=1" } });
    expect(cut.status).toBe(202);
    expect(["starting", "processing"]).toContain(cut.json["status"]);
    const cancel = await predict(at, undefined, { path: "/runtimes/say/predictions/1/cancel" });
    expect(cancel).toMatchObject({ status: 200, json: {} });
    const path = "/runtimes/say/predictions/1";
    await until(
      "it is canceled",
      async () => (await ask(at.url, { key: at.key, path })).json["status"] === "canceled",
    );
    const late = await predict(at, held, { headers: { prefer: "respond-async", "cancel-after": "5s" } });
    const { deadline } = await home.client.call("GET /jobs/:job", { job: Number(late.json["id"]) });
    expect(Date.parse(deadline ?? "") - Date.now()).toBeLessThan(5_500);
    for (const after of ["1s", "soon", "-5s"])
      expect((await predict(at, held, { headers: { "cancel-after": after } })).status).toBe(422);
  });

  it("go on when the client hangs up, unless it tied them to its connection", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const hangUp = async (headers: http.OutgoingHttpHeaders, job: number): Promise<void> => {
      const { hostname, port } = new URL(at.url);
      const body = JSON.stringify({ input: { text: "tied", until: at.gate } });
      const asked = http.request({
        ...{ hostname, port, method: "POST", path: "/runtimes/say/predictions" },
        headers: { authorization: `Bearer ${at.key}`, "content-type": "application/json", ...headers },
      });
      asked.on("error", () => undefined);
      asked.end(body);
      await until("it runs", async () =>
        (await home.client.call("GET /jobs", {})).jobs.some(
          ({ id, state }) => id === job && state === "running",
        ),
      );
      asked.destroy();
    };
    await hangUp({ "x-orch-cancel-on-disconnect": "true" }, 1);
    await until(
      "it is cancelled",
      async () => (await home.client.call("GET /jobs/:job", { job: 1 })).state === "cancelled",
    );
    await hangUp({}, 2);
    await hangUp({ "x-orch-cancel-on-disconnect": "true", accept: "text/event-stream" }, 3);
    await until(
      "it is cancelled",
      async () => (await home.client.call("GET /jobs/:job", { job: 3 })).state === "cancelled",
    );
    at.openGate();
    await until(
      "the other has ended",
      async () => (await home.client.call("GET /jobs/:job", { job: 2 })).state === "succeeded",
    );
  });

  it("stream their events, and go on after the last one that was read, also at another daemon", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const headers = { accept: "text/event-stream" };
    const whole = await predict(at, { id: "s1", input: { text: "a", times: 3 } }, { headers });
    expect(whole.headers["content-type"]).toContain("text/event-stream");
    const events = eventsOf(whole.text);
    const names = events.map(({ name }) => name);
    expect(names.filter((name) => name !== "log" && name !== "metric")).toEqual([
      "start",
      "output",
      "output",
      "output",
      "completed",
    ]);
    expect(events[0]?.data).toEqual({ id: "s1", status: "processing" });
    expect(events.filter(({ name }) => name === "output").map(({ data }) => data)).toEqual(
      [0, 1, 2].map((index) => ({ chunk: "a", index })),
    );
    expect(events.at(-1)?.data).toMatchObject({ status: "succeeded", output: ["a", "a", "a"] });
    at.daemon.signal("SIGTERM");
    await at.daemon.ended;
    await home.daemon();
    const url = await until(
      "it listens",
      async () => (await home.client.call("GET /keys", {})).gateway?.url ?? null,
    );
    const logOf = (some: typeof events): string =>
      some
        .filter(({ name }) => name === "log")
        .map(({ data }) => data["data"])
        .join("");
    for (const [index, { id }] of events.entries()) {
      const again = await ask(url, {
        ...{ method: "PUT", path: "/runtimes/say/predictions/s1", key: at.key },
        body: { input: { text: "a", times: 3 } },
        headers: { ...headers, "last-event-id": id },
      });
      const seen = events.slice(0, index + 1);
      const rest = eventsOf(again.text);
      const lasting = (some: typeof events) =>
        some.filter(({ name }) => name !== "log" && name !== "metric").map(({ name }) => name);
      expect([...lasting(seen), ...lasting(rest)], id).toEqual(lasting(events));
      expect(logOf(seen) + logOf(rest), id).toBe("hears a\ngoes on\n");
    }
    const spoilt = await ask(url, {
      key: at.key,
      path: "/runtimes/say/predictions/s1",
      headers: { ...headers, "last-event-id": "o9_x" },
    });
    expect(eventsOf(spoilt.text)[0]?.name, "an id that is none: from the start").toBe("start");
  });

  it("say what they take and whether they are there", async () => {
    await using home = createHome();
    const at = await startPredictions(home);
    const get = (path: string) => ask(at.url, { key: at.key, path: `/runtimes/say${path}` });
    expect((await get("")).json).toMatchObject({ predictions_url: "/runtimes/say/predictions" });
    expect((await get("/health-check")).json).toMatchObject({ status: "READY" });
    expect((await get("/openapi.json")).json).toMatchObject({
      components: {
        schemas: { Input: { required: ["text"], properties: { times: { type: "integer", maximum: 5 } } } },
      },
    });
    for (const path of ["/nothing", "/predictions", "/predictions/1/2/3"])
      expect((await get(path)).status, path).toBe(404);
    expect((await ask(at.url, { key: at.key, path: "/runtimes/none/health-check" })).json).toHaveProperty(
      "detail",
    );
    const reader = await makeKey(home, "reader", "--scope", "read");
    expect((await predict(at, { input: { text: "x" } }, { key: reader })).status).toBe(403);
    const other = await makeKey(home, "other", "--scope", "submit", "--runtime", "charlm");
    expect((await predict(at, { input: { text: "x" } }, { key: other })).status).toBe(403);
    const few = await makeKey(home, "few", "--quota", "1/d");
    expect((await predict(at, { input: { text: "x" } }, { key: few })).status).toBe(200);
    const much = await predict(at, { input: { text: "x" } }, { key: few });
    expect(much.status).toBe(429);
    expect(Number(much.headers["retry-after"])).toBeGreaterThan(0);
  });
});
