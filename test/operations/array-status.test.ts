import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB" });
  addEchoRuntime(host, "echo");
});
afterAll(() => host[Symbol.asyncDispose]());

const arrayOf = async (array: string, text: string, more: Record<string, unknown> = {}): Promise<number> =>
  (await host.client.call("POST /jobs/array", { runtime: "echo", params: { text, ...more }, array })).array;
const statusOf = (array: number) => host.client.call("GET /arrays/:array", { array });
const untilOver = (array: number) =>
  until(`array ${array} is over`, async () => {
    const status = await statusOf(array);
    return status.finishedAt === null ? null : status;
  });

describe("an array as a whole", () => {
  test("says how many of its jobs are in which state, from the first to the last", async () => {
    const array = await arrayOf("0-9%2", "hello", { seconds: 100 });
    expect(await statusOf(array)).toMatchObject({
      ...{ array, runtime: "echo", summary: "hello", total: 10, atOnce: 2, finishedAt: null },
    });
    await host.until(array, "running");
    const begun = await statusOf(array);
    expect(begun.jobs).toMatchObject({ running: 1 });
    expect(begun.startedAt).not.toBeNull();
    await host.client.call("POST /jobs/:job/cancel", { job: array + 9 });
    expect((await statusOf(array)).jobs).toMatchObject({ cancelled: 1 });
    expect((await statusOf(array)).atOnce, "the last one is over, others are left").toBe(2);
    await host.client.call("POST /arrays/:array/cancel", { array });
    const over = await untilOver(array);
    expect(over).toMatchObject({ jobs: { cancelled: 10 }, total: 10, atOnce: null });
  });

  test("is none where a job alone is", async () => {
    const { id } = await host.client.call("POST /jobs", { runtime: "echo", params: { text: "alone" } });
    await refusal("array/unknown", statusOf(id));
    await host.until(id, "succeeded");
  });
});

describe("a folded list", () => {
  const list = (more: object = {}) => host.client.call("GET /jobs", { fold: true, ...more });

  test("has one row for each array among the others, also over pages and with a filter", async () => {
    const before = (await host.client.call("GET /jobs", { limit: 1 })).jobs[0]?.id ?? 0;
    const ids: number[] = [];
    for (const text of ["one", "two", "three"]) {
      ids.push(await arrayOf("1-50", text));
      ids.push((await host.client.call("POST /jobs", { runtime: "echo", params: { text } })).id);
    }
    for (const array of ids.filter((_, index) => index % 2 === 0)) await untilOver(array);
    const rows = ({ jobs }: { jobs: { id: number; array: { id: number } | null }[] }) =>
      jobs.filter(({ id }) => id > before).map(({ id, array }) => array?.id ?? id);
    const whole = await list();
    expect(rows(whole)).toEqual(ids.toReversed());
    expect(whole.arrays?.slice(0, 3).map(({ array, jobs }) => [array, jobs.succeeded])).toEqual(
      [4, 2, 0].map((at) => [ids[at], 50]),
    );
    const first = await list({ limit: 2 });
    expect(rows(first)).toEqual([ids[5], ids[4]]);
    expect(rows(await list({ limit: 2, before: ids[4] }))).toEqual([ids[3], ids[2]]);
    expect(rows(await list({ runtime: "echo", states: ["succeeded"] }))).toEqual(ids.toReversed());
    expect(rows(await list({ filter: "summary in (two, three)" }))).toEqual(ids.slice(2).toReversed());
    expect(rows(await list({ filter: "summary ~ e", limit: 3 }))).toEqual([ids[5], ids[4], ids[1]]);
    expect((await host.client.call("GET /jobs", {})).arrays, "as it was without").toBeUndefined();
  });

  test("does not go with another order", async () => {
    await refusal("usage/invalid", list({ sort: "runtime" }));
    await refusal("usage/invalid", list({ after: 0 }));
  });
});
