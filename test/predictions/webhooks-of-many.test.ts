import { describe, expect, it } from "vitest";
import { query, useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { startPredictions } from "./prediction-home.ts";
import { type Receiver, receive, type Told } from "./receiver.ts";

const createHome = useOrch();

/** "1-5_completed" of the whole, "1_completed" of one. */
const nameOf = ({ headers }: Told): string => String(headers["webhook-id"]).replace(/^msg_[0-9a-f-]{8}_/, "");
const namesOf = ({ told }: Receiver): string[] => told.map(nameOf).sort();

const untilDone = (home: OrchHome): Promise<unknown> =>
  until("all is told", async () => {
    const { webhooks } = await home.client.call("GET /webhooks", { limit: 1_000 });
    return webhooks.length > 0 && webhooks.every(({ state }) => state === "done");
  });

describe("webhooks of many jobs", () => {
  it("tell the end of an array once, with how its jobs ended, and of each what was asked for", async () => {
    await using home = createHome();
    await startPredictions(home, ["127.0.0.1"]);
    const [whole, each] = [await receive(), await receive()];
    const sweep = ["fail=true,false", "times=1..2"];
    const asked = { runtime: "say", params: { text: "hello" }, sweep };
    await home.client.call("POST /jobs/array", { ...asked, webhook: { url: whole.url } });
    const told = { url: each.url, events: ["start" as const, "completed" as const] };
    await home.client.call("POST /jobs/array", { ...asked, webhook: told });
    await untilDone(home);
    expect(namesOf(whole), "no storm unless it is asked for").toEqual(["1-4_completed"]);
    expect(whole.told[0]?.prediction).toEqual({
      id: "1-4",
      object: "jobs",
      status: "failed",
      jobs: 4,
      succeeded: 2,
      failed: 2,
      canceled: 0,
      removed: 0,
      created_at: expect.stringMatching(/^20\d\d-.*Z$/) as string,
      completed_at: expect.stringMatching(/^20\d\d-.*Z$/) as string,
      orch: { first: 1, last: 4 },
    });
    const ends = query<{ at: number }>(home, "SELECT MAX(finished_at) AS at FROM jobs WHERE id <= 4");
    expect(Date.parse(String(whole.told[0]?.prediction["completed_at"]))).toBe(ends[0]?.at);
    expect(namesOf(each)).toEqual(
      [5, 6, 7, 8]
        .flatMap((id) => [`${id}_completed`, `${id}_start`])
        .concat("5-8_completed")
        .sort(),
    );
    expect(each.told.find((one) => nameOf(one) === "5_completed")?.prediction).toMatchObject({
      id: "5",
      status: "failed",
    });
  });

  it("tell the end of a batch and of an array of a command, by the flags of the command line", async () => {
    await using home = createHome();
    await startPredictions(home, ["127.0.0.1"]);
    const receiver = await receive();
    const lines = ["a", "b", "c"].map((text) => JSON.stringify({ runtime: "say", params: { text } }));
    home.write("jobs.jsonl", `${lines.join("\n")}\n`);
    const say = async (...words: string[]): Promise<void> => {
      const { code, stderr } = await home.orch(words);
      expect({ words, code, stderr }).toMatchObject({ words, code: 0 });
    };
    await say("submit", "--batch", "jobs.jsonl", "--webhook", receiver.url);
    await say("run", "-d", "--array", "0-1", "--webhook", receiver.url, "--", "true");
    await say("run", "-d", "--webhook", receiver.url, "--webhook-events", "completed", "--", "true");
    await say(
      "submit",
      "say",
      "--text",
      "x",
      "--webhook",
      receiver.url,
      "--webhook-events",
      "output,completed",
    );
    await untilDone(home);
    expect(namesOf(receiver)).toEqual(
      ["1-3_completed", "4-5_completed", "6_completed", "7_output", "7_completed"].sort(),
    );
    for (const [words, why] of [
      [["run", "--webhook-events", "completed", "--", "true"], "--webhook-events needs --webhook"],
      [["run", "--webhook", "http://x/", "--webhook-events", "end", "--", "true"], '"end" is nothing that'],
      [["run", "--webhook", "ftp://x/", "--", "true"], "this is not an address that orch goes to"],
      [["run", "--cron", "0 3 * * *", "--webhook", "http://x/", "--", "true"], "cannot have --webhook"],
    ] as const) {
      const { code, stderr } = await home.orch(words);
      expect({ words, code, stderr }).toMatchObject({ words, code: 2 });
      expect(stderr).toContain(why);
    }
  });

  it("count what was canceled, wait for those that go on, and go with the last job that is pruned", async () => {
    await using home = createHome();
    const at = await startPredictions(home, ["127.0.0.1"]);
    const receiver = await receive();
    const { array } = await home.client.call("POST /jobs/array", {
      ...{ runtime: "say", params: { text: "x", until: at.gate }, array: "0-2", atOnce: 1 },
      webhook: { url: receiver.url },
    });
    // The newest job of all is never pruned.
    await home.client.call("POST /jobs", { runtime: "say", params: { text: "x" }, options: { hold: true } });
    await home.client.call("POST /jobs/:job/cancel", { job: 1 });
    await home.client.call("POST /jobs/:job/cancel", { job: 3 });
    await until("one is left", async () => {
      const { state } = await home.client.call("GET /jobs/:job", { job: 2 });
      return state === "running";
    });
    const prune = () => home.client.call("POST /jobs/prune", { before: Date.now() + 1_000 });
    await until("those that are over are pruned", async () => {
      await prune();
      return query(home, "SELECT id FROM jobs").length === 2;
    });
    expect(receiver.told).toEqual([]);
    expect((await home.client.call("GET /webhooks", {})).webhooks).toMatchObject([
      { id: "1-3", job: array, lastJob: 3, state: "open", event: "completed", tries: 0 },
    ]);
    at.openGate();
    await untilDone(home);
    expect(receiver.told.map(({ prediction }) => prediction)).toMatchObject([
      { status: "succeeded", jobs: 3, succeeded: 1, failed: 0, canceled: 0, removed: 2 },
    ]);
    await prune();
    expect(query(home, "SELECT job_id FROM webhooks")).toEqual([]);
  });

  it("are told after kill -9 at any moment, each once by its id, the whole when all are over", async () => {
    await using home = createHome();
    let daemon = (await startPredictions(home, ["127.0.0.1"])).daemon;
    const receiver = await receive();
    const jobs = 8;
    await home.client.call("POST /jobs/run-array", {
      ...{ command: ["sh", "-c", "sleep 0.$(( {index} % 4 ))"], cwd: "/", array: `0-${jobs - 1}%3` },
      webhook: { url: receiver.url, events: ["completed"] },
    });
    // Killed as soon as something was told: what was noted of it is left to chance.
    for (let kills = 0, seen = 0; kills < 4; kills += 1) {
      await until("something more is told", () => receiver.told.length > seen || null);
      await daemon.kill();
      seen = receiver.told.length;
      daemon = await home.daemon();
      if (receiver.told.some((one) => nameOf(one) === `1-${jobs}_completed`)) break;
    }
    await untilDone(home);
    const byName = new Map<string, Told[]>();
    for (const one of receiver.told) byName.set(nameOf(one), [...(byName.get(nameOf(one)) ?? []), one]);
    const expected = Array.from({ length: jobs }, (_, index) => `${index + 1}_completed`);
    expect([...byName.keys()].sort()).toEqual([`1-${jobs}_completed`, ...expected].sort());
    for (const [name, same] of byName)
      expect(new Set(same.map(({ body }) => body)).size, `${name} says one thing`).toBe(1);
    const whole = byName.get(`1-${jobs}_completed`)?.[0]?.prediction;
    expect(whole).toMatchObject({ status: "succeeded", jobs, succeeded: jobs, removed: 0 });
    const noted = receiver.told.length;
    await daemon.kill();
    await home.daemon();
    await untilDone(home);
    expect(receiver.told.length, "what was told and noted is not told again").toBe(noted);
  });
});
