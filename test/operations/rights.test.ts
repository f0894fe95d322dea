import { describe, expect, it } from "vitest";
import { cancel } from "../../src/operations/cancel.ts";
import { cancelArray, holdArray, releaseArray } from "../../src/operations/change-array.ts";
import type { Context } from "../../src/operations/context.ts";
import { hold } from "../../src/operations/hold.ts";
import { release } from "../../src/operations/release.ts";
import { retry } from "../../src/operations/retry.ts";
import { refuseStranger } from "../../src/operations/rights.ts";
import { update } from "../../src/operations/update.ts";
import type { Caller } from "../../src/protocol/operation.ts";
import { refusal } from "../kit/refusal.ts";

const job = { id: 7, uid: 1000, user: "ada" };
const caller = (uid: number, user: string): Caller => ({ uid, user, pid: 1 });

describe("a job", () => {
  it.each([
    [1000, "its user"],
    [0, "root"],
    [500, "the daemon's user"],
  ])("may be changed by uid %i: %s", (uid) => {
    expect(() => refuseStranger(500, job, { uid, user: "x" })).not.toThrow();
  });

  const strangersOnly = {
    queries: { job: () => ({ ...job, finishedAtMs: null }), sizeOfArray: () => 1 },
    host: { uid: 500 },
  } as unknown as Context;
  const signal = new AbortController().signal;

  it.each([
    ["cancel", () => cancel.run(strangersOnly, { job: 7 }, caller(1001, "bob"), signal)],
    ["hold", () => hold.run(strangersOnly, { job: 7 }, caller(1001, "bob"), signal)],
    ["release", () => release.run(strangersOnly, { job: 7 }, caller(1001, "bob"), signal)],
    ["retry", () => retry.run(strangersOnly, { job: 7 }, caller(1001, "bob"), signal)],
    ["update", () => update.run(strangersOnly, { job: 7, priority: 1 }, caller(1001, "bob"), signal)],
    ["cancel of an array", () => cancelArray.run(strangersOnly, { array: 7 }, caller(1001, "bob"), signal)],
    ["hold of an array", () => holdArray.run(strangersOnly, { array: 7 }, caller(1001, "bob"), signal)],
    ["release of an array", () => releaseArray.run(strangersOnly, { array: 7 }, caller(1001, "bob"), signal)],
  ] as const)("refuses others: %s", async (_verb, ask) => {
    const work = ask();
    if (!(work instanceof Promise)) throw new Error("it is no stream");
    const failure = await refusal("permission/denied", work);
    expect(failure.sentence).toBe("job 7 belongs to ada: the caller is bob");
  });
});
