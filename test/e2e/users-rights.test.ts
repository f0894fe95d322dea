import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operations } from "../../src/operations/index.ts";
import type { JobDetail, JobView } from "../../src/protocol/views.ts";
import { documentOf } from "../compat/mloc/mloc-home.ts";
import { askAs, type Reply, type TestUser, users, whyNoUsers } from "../kit/as-user.ts";
import { type Host, startHost } from "../kit/host.ts";

const { ada, bob } = users;
const why = whyNoUsers();
/** Everything about ada's work that is nobody else's affair has one of these in it. */
const PRIVATE = /hush|a-secret-word|private-label/;

const FAR_MS = Date.UTC(2100, 0);

let host: Host;
/** What stands for the names in routes: all of it is ada's, but the reservation, which is root's. */
const things: Record<string, string> = {
  index: "0",
};
beforeAll(async () => {
  if (why !== null) return;
  host = await startHost({ config: "group: nogroup\n", gpus: "virtual:2x8GiB" });
  const env = { TOKEN: "hush" };
  const command = ["sh", "-c", "echo a-secret-word; sleep 60", "hush"];
  const options = { label: "private-label", labels: { kind: "private-label" } };
  const queue = (route: string, more: object): Promise<{ id: number; array: number }> =>
    ask(ada, route, { command, cwd: "/tmp/hush", env, options, ...more }).then(({ status, text }) => {
      expect([route, status, text]).toEqual([route, 200, text]);
      return JSON.parse(text) as { id: number; array: number };
    });
  const { id } = await queue("POST /jobs/run", { cwd: "/" });
  const failed = await queue("POST /jobs/run", {
    command: ["sh", "-c", "echo a-secret-word; exit 3"],
    cwd: "/",
  });
  const hooked = await queue("POST /jobs/run", {
    webhook: { url: "http://127.0.0.1:9/hush" },
    options: { ...options, hold: true },
    cwd: "/",
  });
  const { array } = await queue("POST /jobs/run-array", {
    array: "0-1",
    options: { ...options, hold: true },
  });
  const scheduled = { verb: "run", submission: { command, cwd: "/", env } };
  const document = documentOf("echo", "  word: hush\n", "private-label");
  const { text } = await ask(ada, "POST /tasks", { document });
  const made = await ask(ada, "POST /schedules", { line: "0 3 * * *", name: "nightly", scheduled });
  expect(made.status).toBe(200);
  const reservation = { end: FAR_MS, start: FAR_MS - 1000, name: "kept" };
  await host.client.call("POST /reservations", { ...reservation, gpus: 1 });
  const { worker } = await host.until(id, "running");
  await host.until(failed.id, "failed");
  Object.assign(things, {
    job: id,
    failed: failed.id,
    array,
    webhook: hooked.id,
    schedule: "nightly",
    task: (JSON.parse(text) as { tasks: { id: string }[] }).tasks[0]?.id ?? "",
    reservation: "kept",
    worker,
  });
  things["runtime"] = "charlm";
});
afterAll(async () => {
  if (why !== null) return;
  await host.client.call("POST /shutdown", { mode: "kill" });
  await host.exited();
  await host[Symbol.asyncDispose]();
});

const ask = (user: TestUser, route: string, body?: unknown): Promise<Reply> =>
  askAs(user, host.paths.socket, route, body);

const filled = (route: string): string =>
  route.replace(/:(\w+)/g, (_all, name: string) => things[name] ?? `no-${name}-for-this-test`);

/** What a route needs besides what its path names. */
const queries: Record<string, () => string> = {
  "GET /events": () => "?limit=1000",
  "GET /cron-fires": () => "?line=0%203%20*%20*%20*",
  "GET /follow": () => `?jobs=${things["job"]}&logs=true`,
  "GET /logs": () => `?jobs=${things["job"]}`,
};
const bodies: Record<string, object> = {
  "POST /jobs/:job/update": { priority: 3 },
  "POST /workers/:worker/exec": { program: "id" },
};
const ofKind = (who: string, method: string): string[] =>
  operations.filter((each) => each.who === who && each.route.startsWith(method)).map(({ route }) => route);

describe.skipIf(why !== null)(`users of one daemon${why === null ? "" : ` (skipped: ${why})`}`, () => {
  it.each(ofKind("all", "GET"))("see nothing private of each other: %s", async (route) => {
    const of = async (user: TestUser, job: string | undefined): Promise<Reply> =>
      ask(user, filled(route.replace(":job", job ?? "")) + (queries[route]?.() ?? ""));
    for (const job of [things["job"], things["failed"]]) {
      const { status, text } = await of(bob, job);
      expect([route, status]).toEqual([route, 200]);
      expect(text).not.toMatch(PRIVATE);
    }
  });

  it("see of their own what others do not: so the words above would be seen", async () => {
    for (const path of [
      "/jobs",
      `/jobs/${things["job"]}`,
      `/jobs/${things["failed"]}/why`,
      "/schedules/nightly",
    ])
      expect([path, (await ask(ada, `GET ${path}`)).text]).toEqual([path, expect.stringMatching(PRIVATE)]);
  });

  it("see of each other what waiting is explained by", async () => {
    const detail = JSON.parse((await ask(bob, `GET /jobs/${things["job"]}`)).text) as JobDetail;
    expect(detail).toMatchObject({
      user: ada.name,
      state: "running",
      runtime: "run",
      command: null,
      summary: "",
    });
    expect([detail.startedAt, detail.worker]).toEqual([expect.any(String), things["worker"]]);
    const { jobs } = JSON.parse((await ask(bob, "GET /jobs")).text) as { jobs: JobView[] };
    expect(jobs.length).toBe(5);
  });

  it.each(["label = private-label", "label.kind = private-label", "summary ~ hush", "exitCode = 3"])(
    "cannot find out by a filter what they do not see: %s",
    async (filter) => {
      const count = async (user: TestUser, asked: string): Promise<number> => {
        const { text } = await ask(user, `GET /jobs?filter=${encodeURIComponent(asked)}`);
        return (JSON.parse(text) as { jobs: JobView[] }).jobs.length;
      };
      expect(await count(ada, filter)).toBeGreaterThan(0);
      expect(await count(ada, `not (${filter})`)).toBeLessThan(5);
      expect([await count(bob, filter), await count(bob, `not (${filter})`)]).toEqual([0, 5]);
    },
  );

  it.each([...ofKind("owner", "GET"), ...ofKind("owner", "POST")])(
    "may not touch each other's: %s",
    async (route) => {
      const body = route.startsWith("POST") ? (bodies[route] ?? {}) : undefined;
      const { status, text } = await ask(bob, filled(route) + (queries[route]?.() ?? ""), body);
      expect([route, status, text]).toEqual([route, 403, expect.stringContaining("permission/denied")]);
    },
  );

  it("neither remove nor repeat nor add up what is of others", async () => {
    const said = async (user: TestUser, route: string, body?: object): Promise<unknown> =>
      JSON.parse((await ask(user, route, body)).text);
    expect(await said(bob, "POST /jobs/prune", { before: FAR_MS })).toEqual({
      jobs: 0,
      bytes: 0,
      more: false,
    });
    expect(await said(bob, "POST /jobs/retry-failed", {})).toEqual({ retried: [], more: false });
    expect(await said(bob, "GET /stats")).toMatchObject({ jobs: 0, usage: [] });
    expect(await said(ada, "GET /stats")).toMatchObject({ jobs: 1, usage: [{ user: ada.name, failed: 1 }] });
  });

  it("may touch their own", async () => {
    const { job, array } = things;
    expect((await ask(ada, `POST /arrays/${array}/cancel`, {})).status).toBe(200);
    expect((await ask(ada, `GET /jobs/${job}/logs`)).text).toContain("a-secret-word");
    expect((await ask(ada, "POST /schedules/nightly/remove", {})).status).toBe(200);
    expect((await ask(ada, `POST /jobs/${job}/cancel`, {})).status).toBe(200);
  });

  it("submit as themselves, and no jobs of runtimes where nobody is named to run them", async () => {
    const reply = await ask(bob, "POST /jobs", { runtime: "charlm", params: { model: "x", prompt: "y" } });
    expect([reply.status, reply.text]).toEqual([503, expect.stringContaining("workerUser")]);
  });
});
