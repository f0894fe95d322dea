import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import Sqlite from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrations } from "../../src/store/migrations/index.ts";
import { tempDatabase } from "./temp-database.ts";

const isRoot = process.getuid?.() === 0;
const later = [...migrations, { name: "later", sql: "CREATE TABLE later (x INTEGER)" }];

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

const hashOf = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

function addJob(file: string): void {
  const db = openDatabase(file);
  db.exec(`INSERT INTO lanes (key, spec) VALUES ('l', '{}')`);
  db.close();
}

describe("a new database", () => {
  test("is whole, private, synchronous and write-ahead", () => {
    using temp = tempDatabase();
    const db = temp.open();
    expect(db.pragma("user_version", { simple: true })).toBe(migrations.length);
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("synchronous", { simple: true })).toBe(2);
    expect(db.pragma("foreign_keys", { simple: true })).toBe(1);
    expect(statSync(temp.file).mode & 0o777).toBe(0o600);
    expect(readdirSync(temp.dir).filter((name) => name.includes(".new") || name.endsWith(".bak"))).toEqual(
      [],
    );
  });

  test("is made anew where an earlier making was cut short", () => {
    using temp = tempDatabase();
    writeFileSync(`${temp.file}.new`, "half of a database");
    writeFileSync(`${temp.file}.new-journal`, "x");
    expect(temp.open().pragma("quick_check", { simple: true })).toBe("ok");
    expect(existsSync(`${temp.file}.new`)).toBe(false);
  });

  test("opens again with what it held", () => {
    using temp = tempDatabase();
    addJob(temp.file);
    expect(temp.open().prepare("SELECT key FROM lanes").pluck().all()).toEqual(["l"]);
  });
});

describe("a database of an older version", () => {
  test("is backed up, then migrated, with its rows", () => {
    using temp = tempDatabase();
    addJob(temp.file);
    openDatabase(temp.file, later).close();
    const migrated = new Sqlite(temp.file, { readonly: true });
    expect(migrated.pragma("user_version", { simple: true })).toBe(later.length);
    expect(migrated.prepare("SELECT count(*) FROM later").pluck().get()).toBe(0);
    expect(migrated.prepare("SELECT key FROM lanes").pluck().all()).toEqual(["l"]);
    migrated.close();
    const backup = `${temp.file}.v${migrations.length}.bak`;
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const old = openDatabase(backup);
    expect(old.pragma("user_version", { simple: true })).toBe(migrations.length);
    expect(old.prepare("SELECT key FROM lanes").pluck().all()).toEqual(["l"]);
    old.close();
  });

  test("stays as it is when a migration fails", () => {
    using temp = tempDatabase();
    addJob(temp.file);
    const broken = [...migrations, { name: "broken", sql: "CREATE TABLE half (x); CREATE TABLE half (x);" }];
    expect(() => openDatabase(temp.file, broken)).toThrow(/half already exists/);
    const db = temp.open();
    expect(db.pragma("user_version", { simple: true })).toBe(migrations.length);
    expect(db.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all()).toEqual([]);
  });
});

describe("a database of a newer version", () => {
  test("is refused without a write, and the backup is named [fault 11]", () => {
    using temp = tempDatabase();
    openDatabase(temp.file, later).close();
    const before = hashOf(temp.file);
    const failure = failureOf(() => temp.open());
    expect(failure.code).toBe("store/newer");
    expect(failure.message).toContain(`schema ${later.length}, this one knows ${migrations.length}`);
    expect(failure.hint).toContain(`${temp.file}.v${migrations.length}.bak`);
    expect(hashOf(temp.file)).toBe(before);
    expect(readdirSync(temp.dir)).toEqual(["orch.db"]);
  });

  test("is refused too when the newer version is in the write-ahead log only [fault 11]", () => {
    using temp = tempDatabase();
    temp.open().close();
    const writer = new Sqlite(temp.file);
    writer.pragma(`user_version = ${later.length}`);
    expect(readFileSync(temp.file).readUInt32BE(60), "the header is still old").toBe(migrations.length);
    expect(failureOf(() => temp.open()).code).toBe("store/newer");
    writer.close();
  });
});

describe("what is no database of orch is refused and left as it is:", () => {
  const strange: Record<string, (file: string) => void> = {
    "an empty file": (file) => writeFileSync(file, ""),
    "a text": (file) => writeFileSync(file, "jobs:\n  - none\n".repeat(500)),
    zeros: (file) => writeFileSync(file, Buffer.alloc(16_384)),
    "another program's database": (file) => {
      const db = new Sqlite(file);
      db.exec("CREATE TABLE theirs (x)");
      db.close();
    },
    "a version without its tables": (file) => {
      const db = new Sqlite(file);
      db.pragma(`user_version = ${migrations.length}`);
      db.close();
    },
    "a header alone": (file) => {
      openDatabase(file).close();
      truncateSync(file, 100);
    },
    "half of the pages": (file) => {
      openDatabase(file).close();
      truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096);
    },
    "a database that lost the guard of its leases": (file) => {
      const db = openDatabase(file);
      db.exec("DROP TRIGGER lease_grant");
      db.close();
    },
  };
  test.each(Object.entries(strange))("%s", (_what, make) => {
    using temp = tempDatabase();
    make(temp.file);
    const before = hashOf(temp.file);
    const failure = failureOf(() => temp.open());
    expect(failure.code).toBe("store/damaged");
    expect(failure.message).toBe(`${temp.file} is damaged`);
    expect(failure.hint).toContain(".recover");
    expect(hashOf(temp.file)).toBe(before);
  });

  test("a write-ahead log whose database is missing", () => {
    using temp = tempDatabase();
    writeFileSync(`${temp.file}-wal`, "commits");
    const failure = failureOf(() => temp.open());
    expect(failure.code).toBe("store/damaged");
    expect(failure.why).toContain("write-ahead log");
    expect(existsSync(temp.file)).toBe(false);
  });
});

describe("a folder", () => {
  test("in the database's place is named", () => {
    using temp = tempDatabase();
    expect(failureOf(() => openDatabase(temp.dir)).code).toBe("state/unwritable");
  });

  test.skipIf(isRoot)("that is read-only is named", () => {
    using temp = tempDatabase();
    temp.open().close();
    chmodSync(temp.dir, 0o500);
    try {
      expect(failureOf(() => temp.open()).code).toBe("state/unwritable");
    } finally {
      chmodSync(temp.dir, 0o700);
    }
  });
});
