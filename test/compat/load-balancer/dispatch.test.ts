import { existsSync, readdirSync } from "node:fs";
import http from "node:http";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";
import {
  type AskBalancer,
  askBalancer,
  balancerUrl,
  infer,
  writeBalancer,
  writeHandler,
  writeServer,
} from "./lb-home.ts";

const createHome = useOrch();
let home: OrchHome;
let asked: AskBalancer;
let url: string;
beforeAll(async () => {
  home = createHome();
  writeServer(home, "gemma3", "replicas: { min: 2, max: 2 }\n");
  writeServer(home, "qwen3", "slots: 1\n");
  writeHandler(
    home,
    "waiter",
    "  prompt: { type: string }\n",
    `        path = params["prompt"]
        open(path + ".began", "w").close()
        while not os.path.exists(path):
            if ctx.cancelled:
                open(path + ".gone", "w").close()
                return
            time.sleep(0.005)
        return "waited"`,
  );
  writeBalancer(
    home,
    "      open: true\n      maxQueue: 12\n      models: { qwen3: { timeoutSeconds: 2 } }\n",
  );
  await home.daemon();
  asked = await askBalancer(home);
  url = await balancerUrl(home);
  await until(
    "both replicas are there",
    async () => {
      const { workers } = await home.client.call("GET /workers", {});
      return workers.filter(({ runtime, state }) => runtime === "gemma3" && state === "ready").length === 2;
    },
    30_000,
  );
});
afterAll(() => home[Symbol.asyncDispose]());

const file = (name: string): string => join(home.dir, name);
const begun = (path: string): string[] =>
  readdirSync(dirname(path)).filter(
    (name) => name.startsWith(`${basename(path)}.`) && !name.endsWith(".gone"),
  );
const pools = async () =>
  (await asked("/status")).json["model_pools"] as Record<string, Record<string, number | boolean | string>[]>;
const metrics = async () =>
  (await asked("/metrics")).json as {
    total_requests: number;
    success: number;
    errors: number;
    per_worker: Record<string, object>;
  };

/** A request whose caller hangs up when it is told to. */
function callerWhoLeaves(model: string, input: string): { leave(): void } {
  const body = JSON.stringify({ model_name: model, request_body: { input } });
  const request = http.request(`${url}/infer`, { method: "POST", agent: false });
  request.on("error", () => undefined);
  request.end(body);
  return { leave: () => void request.destroy() };
}

describe("four callers on two replicas", () => {
  it("are served by both, an idle one first; what waits is told", async () => {
    const go = file("go4");
    const waiting = Array.from({ length: 4 }, () => infer(asked, "gemma3", { input: `wait=${go}` }));
    await until("both workers have one", () => begun(go).length === 2);
    const busy = await until("two wait", async () => {
      const { gemma3 = [] } = await pools();
      return gemma3.every(({ queue_length }) => queue_length === 1) ? gemma3 : null;
    });
    expect(busy).toMatchObject([
      { worker_id: 0, port: 9100, is_busy: true, state: "BUSY", overcharged: false, requests: 0 },
      { worker_id: 1, port: 9101, is_busy: true, state: "BUSY", overcharged: false, requests: 0 },
    ]);
    home.write("go4", "");
    const answers = await Promise.all(waiting);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(({ json }) => json["load_balancer_worker_id"]))).toEqual(new Set([0, 1]));
    expect(new Set(answers.map(({ json }) => json["api_worker_pid"])).size, "two processes").toBe(2);
    const pairs = answers.map(({ json }) => `${json["load_balancer_worker_id"]} is ${json["response"]}`);
    expect(new Set(pairs).size, "each number is one server").toBe(2);
    expect(answers.some(({ json }) => json["lb_queue_at_dispatch"] === 1)).toBe(true);
    const { gemma3 = [] } = await pools();
    for (const worker of gemma3) expect(worker).toMatchObject({ is_busy: false, state: "IDLE", errors: 0 });
    expect(gemma3.reduce((sum, { success }) => sum + Number(success), 0)).toBe(4);
    expect(
      gemma3.every(
        ({ last_duration_ms, avg_recent_latency_ms }) =>
          Number(last_duration_ms) > 0 && Number(avg_recent_latency_ms) > 0,
      ),
    ).toBe(true);
  });

  it("twelve wait, no more: beyond the limit callers are refused", async () => {
    const go = file("go-many");
    const ask = () => infer(asked, "gemma3", { input: `wait=${go}` });
    const callers = [ask(), ask()];
    await until("both workers have one", () => begun(go).length === 2);
    callers.push(...Array.from({ length: 12 }, ask));
    await until("twelve wait", async () => {
      const { gemma3 = [] } = await pools();
      return gemma3.reduce((sum, { queue_length }) => sum + Number(queue_length), 0) === 12;
    });
    const refused = await infer(asked, "gemma3", { input: "one more" });
    expect(refused).toMatchObject({
      status: 503,
      json: { detail: "Too many requests wait for model 'gemma3'." },
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    home.write("go-many", "");
    for (const { status } of await Promise.all(callers)) expect(status).toBe(200);
  });
});

describe("a worker for which more than ten wait", () => {
  it("is overcharged", async () => {
    const go = file("go-over");
    const callers = Array.from({ length: 12 }, () => infer(asked, "waiter", { input: go }));
    const waiter = await until("eleven wait", async () => {
      const [only] = (await pools())["waiter"] ?? [];
      return only?.["queue_length"] === 11 && only["is_busy"] === true ? only : null;
    });
    expect(waiter).toMatchObject({ overcharged: true, state: "OVERCHARGED" });
    home.write("go-over", "");
    for (const { status } of await Promise.all(callers)) expect(status).toBe(200);
    expect((await pools())["waiter"]).toMatchObject([{ overcharged: false, state: "IDLE", success: 12 }]);
  });
});

describe("a caller who hangs up", () => {
  it("while the worker has the request stops the work", async () => {
    const go = file("go-left");
    const caller = callerWhoLeaves("gemma3", `wait=${go}`);
    await until("it is under way", () => begun(go).length === 1);
    caller.leave();
    await until("the worker has seen it", () => existsSync(`${go}.gone`));
    await until("nothing is under way", async () =>
      (await pools())["gemma3"]?.every(({ is_busy }) => is_busy === false),
    );
  });

  it("while it waits leaves the queue, and never reaches a worker", async () => {
    const go = file("go-first");
    const first = [0, 1].map(() => infer(asked, "gemma3", { input: `wait=${go}` }));
    await until("both are busy", () => begun(go).length === 2);
    const never = file("never");
    const caller = callerWhoLeaves("gemma3", `wait=${never}`);
    const queued = async () => (await pools())["gemma3"]?.some(({ queue_length }) => queue_length === 1);
    await until("it waits", queued);
    caller.leave();
    await until("it waits no more", async () => !(await queued()));
    home.write("go-first", "");
    await Promise.all(first);
    expect(begun(never)).toEqual([]);
  });

  it("is cancelled with a handler as well", async () => {
    const go = file("go-handler");
    const caller = callerWhoLeaves("waiter", go);
    await until("it is under way", () => existsSync(`${go}.began`), 20_000);
    caller.leave();
    await until("the handler has stopped", () => existsSync(`${go}.gone`));
    const { jobs } = await home.client.call("GET /jobs", { runtime: "waiter" });
    await until("it is cancelled", async () => {
      const { state } = await home.client.call("GET /jobs/:job", { job: jobs[0]?.id ?? 0 });
      return state === "cancelled";
    });
  });
});

describe("a worker", () => {
  it("that crashes in the midst of a request loses nothing: another one answers", async () => {
    const once = file("died");
    const answer = await infer(asked, "gemma3", { input: `die-once=${once}` });
    expect(existsSync(once), "a worker has died of it").toBe(true);
    expect(answer.status).toBe(200);
  });

  it("that crashes each time is a bad gateway in the end; others are served again", {
    timeout: 40_000,
  }, async () => {
    const answer = await infer(asked, "gemma3", { input: "die" });
    expect(answer.status).toBe(502);
    expect(answer.json["detail"]).toMatch(/^Bad Gateway: Error communicating with worker [01]\.$/);
    expect((await infer(asked, "gemma3", { input: "pid" })).status).toBe(200);
  });

  it("that takes too long is a timeout", { timeout: 40_000 }, async () => {
    const answer = await infer(asked, "qwen3", { input: `wait=${file("never-qwen")}` });
    expect(answer).toMatchObject({ status: 504, json: { detail: "Request to worker 2 timed out." } });
  });
});

describe("the metrics", () => {
  it("count what was served and what failed, not whom nobody served", async () => {
    const before = (await metrics()).total_requests;
    await infer(asked, "nobody", { input: "x" });
    const now = await metrics();
    expect(now.total_requests).toBe(before);
    expect(now).toMatchObject({
      uptime_seconds: expect.any(Number),
      rps: expect.any(Number),
      timestamp: expect.any(Number),
      per_model: {
        qwen3: { requests: 1, success: 0, errors: 1 },
        qwen: { requests: 0, success: 0, errors: 0 },
      },
      per_worker: { "0": { model: "gemma3", port: 9100, state: "IDLE" }, "2": { model: "qwen3", errors: 1 } },
    });
    expect(now.success + now.errors).toBe(now.total_requests);
    expect(Object.keys(now.per_worker["0"] ?? {})).toEqual([
      ...["model", "port", "requests", "success", "errors", "avg_recent_latency_ms"],
      ...["last_duration_ms", "overcharged", "state"],
    ]);
  });

  it("of pools show all five, empty ones too", async () => {
    const shown = await pools();
    expect(Object.keys(shown).slice(0, 5)).toEqual([
      "gemma3",
      "qwen",
      "qwen3",
      "whissent",
      "qwen3_embedding",
    ]);
    expect(shown["qwen"]).toEqual([]);
    expect(shown["gemma3"]).toHaveLength(2);
  });
});
