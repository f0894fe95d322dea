import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { createCheckpointer } from "../../src/store/checkpoint.ts";
import { until } from "../kit/until.ts";
import { tempDatabase } from "./temp-database.ts";

const length = (db: { pragma(text: string): unknown }) =>
  (db.pragma("wal_checkpoint(NOOP)") as { log: number; checkpointed: number }[])[0] ?? {
    log: -1,
    checkpointed: -1,
  };

test("the log is copied beside the commits, and begins anew though it is always written to", async () => {
  using temp = tempDatabase();
  const db = temp.open();
  db.exec("CREATE TABLE texts (text TEXT)");
  const checkpointer = createCheckpointer(db);
  const insert = db.prepare("INSERT INTO texts VALUES (?)");
  const text = "x".repeat(200_000);
  const commit = (): void => {
    insert.run(text);
    checkpointer.look();
  };
  for (let count = 0; count < 30; count++) commit();
  expect(db.pragma("wal_autocheckpoint", { simple: true }), "a commit copies nothing itself").toBe(0);
  await until("it is copied", () => length(db).checkpointed >= 1_000);
  let longest = 0;
  for (let count = 0; count < 400; count++) {
    commit();
    longest = Math.max(longest, length(db).log);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(longest, "80 MB were written, and the log is a part of that").toBeLessThan(12_000);
  expect(statSync(`${temp.file}-wal`).size).toBeLessThan(50e6);
  expect(db.prepare("SELECT COUNT(*) FROM texts").pluck().get()).toBe(430);
});

test("a thread that cannot open the database leaves the copying to the commits", async () => {
  using temp = tempDatabase();
  const db = temp.open();
  db.exec("CREATE TABLE texts (text TEXT)");
  const named = new Proxy(db, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      if (key === "name") return `${temp.file}/nowhere`;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const checkpointer = createCheckpointer(named);
  const insert = db.prepare("INSERT INTO texts VALUES (?)");
  await until("the commits copy", () => {
    insert.run("x".repeat(1_000_000));
    checkpointer.look();
    return length(db).checkpointed > 0;
  });
});

test("what keeps the log from being looked at is no trouble of the commit", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const checkpointer = createCheckpointer(db);
  db.exec("CREATE TABLE texts (text TEXT); BEGIN; INSERT INTO texts VALUES ('x')");
  expect(() => length(db)).toThrow("locked");
  checkpointer.look();
  db.exec("COMMIT");
  checkpointer.look();
});
