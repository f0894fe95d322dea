import { describe, expect, it } from "vitest";
import { cancel } from "../../src/operations/cancel.ts";
import { cancelArray, holdArray, releaseArray } from "../../src/operations/change-array.ts";
import type { Context } from "../../src/operations/context.ts";
import { hold } from "../../src/operations/hold.ts";
import { operations } from "../../src/operations/index.ts";
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
    queries: { job: () => ({ ...job, finishedAtMs: null }), lastOfArray: () => 1 },
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

  it("is no affair of a key of root or of the daemon's user, unless it is an admin's", () => {
    const key = { id: "0123456789", runtimes: null, mayRun: true, charge: () => {} };
    for (const uid of [0, 500]) {
      expect(() => refuseStranger(500, job, { uid, user: "x", key })).toThrow("belongs to ada");
      expect(() => refuseStranger(500, job, { uid, user: "x", key, isAdmin: true })).not.toThrow();
    }
    expect(() => refuseStranger(500, job, { uid: 1000, user: "ada", key })).not.toThrow();
  });

  it("may be changed by admins", async () => {
    expect(() => refuseStranger(500, job, { uid: 1002, user: "carol", isAdmin: true })).not.toThrow();
    expect(() => refuseStranger(500, job, { uid: 1002, user: "carol", isAdmin: false })).toThrow();
  });
});

describe("an operation for admins", () => {
  const forAdmins = operations.filter(({ who }) => who === "admins");
  const signal = new AbortController().signal;

  it.each(forAdmins.map((each) => [each.route, each] as const))(
    "refuses others before it looks at anything: %s",
    (_route, { run }) => {
      const ask = run as (ctx: Context, input: unknown, caller: Caller, signal: AbortSignal) => unknown;
      const refused = expect.objectContaining({ code: "permission/denied" });
      expect(() => ask({} as Context, {}, caller(1000, "ada"), signal)).toThrow(refused);
    },
  );

  it("is every one that is about workers, runtimes, reservations or the daemon and changes something", () => {
    const isOwned =
      /^POST \/(jobs|arrays|schedules|uploads|logins|tasks|webhooks)\b|^POST \/reservations\/:|^POST \/workers\/:worker\/exec$/;
    const changing = operations.filter(({ route }) => route.startsWith("POST") && !isOwned.test(route));
    expect(changing.filter(({ who }) => who !== "admins").map(({ route }) => route)).toEqual([]);
  });
});
