import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { restore } from "../../src/scheduler/restore.ts";
import { step } from "../../src/scheduler/step.ts";
import { Failure } from "../../src/std/failure.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { commitStep } from "./commit-step.ts";
import { tempDatabase } from "./temp-database.ts";

const policy = testPolicy({ cpuCores: 1, quantumFactor: 1 });
const gpu = { uuid: "g", index: 0, totalBytes: 100, foreignBytes: 0, healthy: true };

/** The sqlite3 of better-sqlite3 in another process, in the midst of a write. */
const HOLD = `
  const Sqlite = require("better-sqlite3");
  new Sqlite(process.argv[1]).exec("BEGIN IMMEDIATE");
  process.stdout.write("holds it");
  setInterval(() => {}, 60000);
`;

describe("while another program writes to the database", () => {
  test("a commit fails soon and clearly, reads go on, and later it works [fault 12]", async () => {
    using temp = tempDatabase();
    const db = temp.open();
    const other = spawn(process.execPath, ["-e", HOLD, temp.file], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(other.stdout, "data");
      const { changes } = step(restore(policy, readRows(db)), [{ type: "gpus-seen", gpus: [gpu], atMs: 1 }]);
      const journal = createJournal(db);
      const startMs = performance.now();
      let failure: unknown;
      try {
        commitStep(journal, changes);
      } catch (error) {
        failure = error;
      }
      expect(performance.now() - startMs, "the daemon stands still meanwhile").toBeLessThan(3000);
      if (!(failure instanceof Failure)) throw failure;
      expect(failure.toBody()).toMatchObject({
        code: "store/busy",
        message: `${temp.file} is locked by another program`,
        hint: `fuser ${temp.file}`,
      });
      expect(createQueries(db).lastEventSeq()).toBe(0);
      other.kill("SIGKILL");
      await once(other, "exit");
      commitStep(journal, changes);
      expect(db.prepare("SELECT uuid FROM gpus").pluck().all()).toEqual(["g"]);
    } finally {
      other.kill("SIGKILL");
    }
  });
});
