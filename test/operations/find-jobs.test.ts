import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
const ids: Record<string, number> = {};
beforeAll(async () => {
  host = await startHost();
  addEchoRuntime(host, "echo");
  const keep = async (name: string, job: Promise<{ id: number }>): Promise<void> => {
    ids[name] = (await job).id;
  };
  await keep("plain", host.sh("exit 0"));
  await keep("failed", host.sh("exit 3", { options: { labels: { team: "vision", run: "7" }, priority: 5 } }));
  await keep("held", host.sh("true", { options: { hold: true, label: "later", labels: { team: "audio" } } }));
  await keep("waits", host.sh("true", { options: { begin: Date.UTC(2100, 0) } }));
  await host.until(ids["failed"] ?? 0, "failed");
  await host.until(ids["plain"] ?? 0, "succeeded");
});
afterAll(() => host[Symbol.asyncDispose]());

const find = async (filter: string, more: { sort?: string; limit?: number } = {}): Promise<string[]> => {
  const { jobs } = await host.client.call("GET /jobs", { filter, ...more });
  return jobs.map(({ id }) => Object.entries(ids).find(([, known]) => known === id)?.[0] ?? `job ${id}`);
};

describe("jobs by a filter", () => {
  test.each([
    ["state = failed", ["failed"]],
    ["state in (failed, succeeded) and not priority > 0", ["plain"]],
    ["label.team != null", ["held", "failed"]],
    ["labels.team = vision and label.run = 7", ["failed"]],
    ["label = later", ["held"]],
    ["exitCode = 0 or exitCode = 3", ["failed", "plain"]],
    ["submittedAt > 1h and finishedAt = null", ["waits", "held"]],
    ["submittedAt < 1h", []],
    ["user = nobody-has-this-name", []],
    ["summary ~ 'EXIT*3'", ["failed"]],
    // The scheduler alone knows why a job waits.
    ["reason.code = held", ["held"]],
    ["reason.text ~ '2100'", ["waits"]],
    ["artifacts.name = null and progress.fraction = null", ["waits", "held", "failed", "plain"]],
  ])("%s", async (filter, expected) => {
    expect(await find(filter)).toEqual(expected);
  });

  test("come in the order that is asked for", async () => {
    expect(await find("id > 0", { sort: "-priority,id" })).toEqual(["failed", "plain", "held", "waits"]);
    expect(await find("id > 0", { sort: "exitCode" })).toEqual(["plain", "failed", "waits", "held"]);
    expect(await find("id > 0", { sort: "reason.code" })).toEqual(
      await find("id > 0", { sort: "reason.code,-id" }),
    );
    const { jobs, total } = await host.client.call("GET /jobs", { sort: "priority", limit: 2 });
    expect([jobs.length, total]).toEqual([2, 3]);
  });

  test("together with the other ways of asking", async () => {
    const { jobs } = await host.client.call("GET /jobs", {
      filter: "priority = 0",
      states: ["held"],
      runtime: "run",
    });
    expect(jobs.map(({ id }) => id)).toEqual([ids["waits"], ids["held"]]);
    const older = await host.client.call("GET /jobs", {
      filter: "id > 0",
      before: ids["held"] ?? 0,
      limit: 1,
    });
    expect([older.jobs[0]?.id, older.total]).toEqual([ids["failed"], 2]);
  });

  test("are refused with the place of the mistake", async () => {
    const wrong = await refusal(
      "usage/invalid",
      host.client.call("GET /jobs", { filter: "state = failed and runtim = x" }),
    );
    expect(wrong.message).toBe('column 20 of the filter: there is no field "runtim"');
    expect(wrong.hint).toBe("did you mean runtime?");
    const order = await refusal("usage/invalid", host.client.call("GET /jobs", { sort: "age" }));
    expect(order.message).toContain('there is no field "age"');
    await refusal("usage/invalid", host.client.call("GET /jobs", { sort: "id", before: 3 }));
    await refusal(
      "usage/invalid",
      host.client.call("GET /jobs", { filter: "id > 0", timeZone: "Nowhere/At_All" }),
    );
  });
});

describe("labels", () => {
  test("go with the job: into its view, its event, its retry, and by the command line", async () => {
    const shown = await host.client.call("GET /jobs/:job", { job: ids["failed"] ?? 0 });
    expect(shown.labels).toEqual({ run: "7", team: "vision" });
    expect(shown.timeline.find(({ type }) => type === "job-submitted")?.text).toMatch(
      /\(run=7, team=vision\)$/,
    );
    const again = await host.client.call("POST /jobs/:job/retry", { job: ids["failed"] ?? 0 });
    expect(again.labels).toEqual(shown.labels);
    await host.until(again.id, "failed");
    const { stdout } = await host.cli(
      "submit",
      "echo",
      "--text",
      "x",
      "--hold",
      "-q",
      "--label",
      "a name",
      "--label",
      "stage=test",
      "--label",
      "n=1=2",
    );
    const submitted = await host.client.call("GET /jobs/:job", { job: Number(stdout) });
    expect(submitted).toMatchObject({ label: "a name", labels: { stage: "test", n: "1=2" } });
    expect((await host.cli("show", stdout.trim())).stdout).toMatch(/^labels +n=1=2, stage=test$/m);
    expect((await host.cli("ls", "-q", "--label", "stage")).stdout).toBe(stdout);
    expect((await host.cli("ls", "-q", "--label", "stage=prod")).stdout).toBe("");
  });

  test("are those of every job of an array, stored once", async () => {
    const { stdout } = await host.cli(
      "run",
      "--array",
      "0-9",
      "--hold",
      "-q",
      "--label",
      "sweep=lr",
      "--",
      "true",
    );
    const members = stdout.trim().split("\n");
    expect(members).toHaveLength(10);
    expect((await host.cli("ls", "-q", "--label", "sweep=lr", "--sort", "id")).stdout).toBe(stdout);
  });

  test.each([
    [{ "": "x" }, /labels/],
    [{ "a b": "x" }, /letters, digits/],
    [{ a: "x".repeat(201) }, /200/],
    [Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`l${index}`, ""])), /at most 32 labels/],
  ])("%j are refused", async (labels, message) => {
    const wrong = await refusal("request/malformed", host.sh("true", { options: { labels } }));
    expect(`${wrong.message} ${wrong.why}`).toMatch(message);
  });
});

describe("events by a filter", () => {
  test("are the newest that meet it, however far back", async () => {
    const found = [];
    for await (const event of host.client.stream("GET /events", {
      filter: "type = job-submitted and text ~ vision",
      limit: 1,
    }))
      found.push(event);
    expect(found.map(({ text }) => text)).toEqual([expect.stringContaining("team=vision")]);
    const { stdout } = await host.cli(
      "events",
      "--filter",
      `job = ${ids["failed"]}`,
      "--format",
      "{job} {type}",
      "-n",
      "1",
    );
    expect(stdout).toBe(`${ids["failed"]} job-failed\n`);
  });
});

test("labels that no job has any more go with the last one, and can be given again", async () => {
  const labels = { only: "here" };
  const first = await host.sh("true", { options: { labels } });
  await host.until(first.id, "succeeded");
  const setsOf = (): unknown[] => {
    const db = new Sqlite(host.paths.database, { readonly: true });
    try {
      return db.prepare("SELECT set_id FROM labels JOIN label_sets ON id = set_id WHERE name = 'only'").all();
    } finally {
      db.close();
    }
  };
  expect(setsOf()).toHaveLength(1);
  await host.sh("true", { options: { hold: true } });
  expect((await host.cli("prune", "--older-than", "0s", "--yes")).code).toBe(0);
  expect(setsOf()).toEqual([]);
  const again = await host.sh("true", { options: { labels } });
  const { jobs } = await host.client.call("GET /jobs", { filter: "label.only = here" });
  expect(jobs.map(({ id }) => id)).toEqual([again.id]);
});
