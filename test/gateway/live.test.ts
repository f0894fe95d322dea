import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { type EventReader, openBrowser, readEvents, type SeenEvent } from "./browser.ts";
import { makeKey, writeConfig } from "./door.ts";

const createHome = useOrch();
let home: OrchHome;
beforeAll(async () => {
  home = createHome();
  writeConfig(home);
  home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
  await home.daemon("--gpus", "virtual:2x24GiB");
});
afterAll(() => home[Symbol.asyncDispose]());

const submit = async (): Promise<number> => {
  const { id } = await home.client.call("POST /jobs", { runtime: "note" });
  return id;
};
const first = (reader: EventReader): Promise<SeenEvent> =>
  until("the first event", () => reader.events[0] ?? null);
/** What a page shows after all that it was told. */
const stateOf = ({ events }: EventReader): Record<string, { jobs: { id: number; state: string }[] }> =>
  Object.assign({}, ...events.map(({ data }) => data));

/** Streams of the dashboard that are over, by the audit log. */
const endedStreams = (): number =>
  readFileSync(join(home.dir, "state", "daemon.log"), "utf8").split('"route":"GET /dashboard/events"').length;

describe("the state for the dashboard", () => {
  it("comes whole, then what changes of it, soon and at most twice a second", async () => {
    const { url, cookie } = await openBrowser(home);
    const reader = await readEvents(url, "/dashboard/events", { cookie });
    expect(reader).toMatchObject({
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
    });
    const { type, data } = await first(reader);
    expect(type).toBe("state");
    const parts = ["at", "ended", "gpus", "plan", "running", "status", "waiting", "workers"];
    expect(Object.keys(data).sort()).toEqual(parts);
    expect(data["gpus"]).toHaveLength(2);
    const startMs = performance.now();
    const id = await submit();
    await until("the job is shown as ended", () =>
      stateOf(reader)["ended"]?.jobs.some((job) => job.id === id),
    );
    expect(performance.now() - startMs).toBeLessThan(3_000);
    for (let count = 0; count < 20; count++) await submit();
    await until("all are shown", () => stateOf(reader)["ended"]?.jobs.length === 21);
    const seconds = (performance.now() - startMs) / 1000;
    expect(reader.events.length).toBeLessThanOrEqual(3 + 2 * seconds);
    const later = reader.events.slice(1);
    expect(
      later.some((event) => Object.keys(event.data).length < parts.length),
      "only what changed",
    ).toBe(true);
    reader.close();
  });

  it("is the same to the byte for all with the same rights, and goes on after a break", async () => {
    const { url, cookie } = await openBrowser(home);
    const readers = await Promise.all([1, 2, 3].map(() => readEvents(url, "/dashboard/events", { cookie })));
    for (let count = 0; count < 3; count++) {
      const id = await submit();
      await until("it is shown", () => stateOf(readers[1] as EventReader)["ended"]?.jobs[0]?.id === id);
    }
    await until("all have three events", () => readers.every(({ events }) => events.length >= 3));
    const [one, two, three] = readers.map(
      ({ events }) => new Map(events.map((event) => [event.id, event.data])),
    );
    for (const [id, data] of one ?? []) {
      if (two?.has(id) && Object.keys(data).length < 8) expect(two.get(id)).toEqual(data);
    }
    expect([...(one?.keys() ?? [])].filter((id) => three?.has(id)).length).toBeGreaterThan(0);
    const { id } = readers[0]?.events.at(-1) ?? { id: "" };
    readers[0]?.close();
    const again = await readEvents(url, "/dashboard/events", { cookie, "last-event-id": "elsewhere.3" });
    const known = await readEvents(url, "/dashboard/events", { cookie, "last-event-id": id });
    expect(Object.keys((await first(again)).data), "whoever knows nothing is told all").toHaveLength(8);
    await submit();
    const next = await first(known);
    expect(next.id).not.toBe(id);
    for (const reader of [...readers, again, known]) reader.close();
  });

  it("ends with the session", async () => {
    const { url, cookie, post } = await openBrowser(home);
    const reader = await readEvents(url, "/dashboard/events", { cookie });
    await first(reader);
    await post("/dashboard/logout", {});
    await reader.ended;
    await expect(readEvents(url, "/dashboard/events", { cookie })).resolves.toMatchObject({ status: 401 });
  });

  it("is not kept for who does not read: that one is cut, the others go on [fault 47]", async () => {
    const { url, cookie } = await openBrowser(home);
    const slow = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
    slow.write(`GET /dashboard/events HTTP/1.1\r\nhost: localhost\r\ncookie: ${cookie}\r\n\r\n`);
    slow.on("error", () => undefined);
    const before = endedStreams();
    await new Promise((resolve) => slow.once("readable", resolve));
    const reader = await readEvents(url, "/dashboard/events", { cookie });
    const labels = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`l${at}`, "x".repeat(200)]));
    const { ids } = await home.client.call("POST /jobs/batch", {
      jobs: Array.from({ length: 100 }, () => ({ runtime: "note", options: { hold: true, labels } })),
    });
    const [job = 0] = ids;
    let priority = 0;
    await until("whoever reads nothing is cut", async () => {
      priority = (priority + 1) % 10;
      await home.client.call("POST /jobs/:job/update", { job, priority });
      return endedStreams() > before;
    });
    const { length } = reader.events;
    await submit();
    await until("others are told on", () => reader.events.length > length);
    reader.close();
  });
});

describe("the events of the API", () => {
  it("come as browsers read them where that is asked for, and go on after the last one seen", async () => {
    const key = await makeKey(home, "events", "--scope", "read");
    const { gateway } = await home.client.call("GET /keys", {});
    const url = gateway?.url ?? "";
    const headers = { authorization: `Bearer ${key}` };
    const reader = await readEvents(url, "/api/v1/events?limit=0", headers);
    const id = await submit();
    const own = () => reader.events.filter(({ data }) => data["job"] === id);
    await until("the job's end", () => own().some(({ data }) => data["type"] === "job-succeeded") || null);
    const seqs = reader.events.map((event) => Number(event.id));
    expect(seqs).toEqual(reader.events.map(({ data }) => data["seq"]));
    reader.close();
    const again = await readEvents(url, "/api/v1/events", { ...headers, "last-event-id": String(seqs[0]) });
    await until("the rest", () => again.events.length >= seqs.length - 1);
    expect(again.events.map((event) => Number(event.id)).slice(0, seqs.length - 1)).toEqual(seqs.slice(1));
    again.close();
    const wrong = await readEvents(url, "/api/v1/events?filter=nme+=", headers);
    expect(wrong.status).toBe(400);
  });
});
