import { describe, expect, test } from "vitest";
import { createRng, type Rng } from "../../src/std/rng.ts";
import type { Database } from "../../src/store/database.ts";
import { tempDatabase } from "./temp-database.ts";

const TOTAL = 100;

interface LeaseRow {
  readonly worker_id: number;
  readonly gpu: string;
  readonly mode: "exclusive" | "shared" | "residue";
  readonly vram_bytes: number;
  readonly fence: number;
  readonly released_at: number | null;
}

function addGpus(db: Database): void {
  db.exec(`INSERT INTO gpus (uuid, idx, total_bytes) VALUES ('a', 0, ${TOTAL}), ('b', 1, ${TOTAL})`);
}

function leasesOf(db: Database): LeaseRow[] {
  return db.prepare("SELECT * FROM leases ORDER BY worker_id, gpu").all() as LeaseRow[];
}

/**
 * On a: worker 1 had a lease that is released, worker 2 holds all of it exclusively. On b: workers 3 and 4 share it,
 * 30 and 60 of 100 bytes.
 */
function fill(db: Database): void {
  addGpus(db);
  db.exec(`
    INSERT INTO leases VALUES (1, 'a', 'exclusive', 50, 1, 1000, NULL);
    UPDATE leases SET released_at = 2000 WHERE worker_id = 1;
    INSERT INTO leases VALUES (2, 'a', 'exclusive', 100, 2, 2000, NULL);
    INSERT INTO leases VALUES (3, 'b', 'shared', 30, 3, 1000, NULL);
    INSERT INTO leases VALUES (4, 'b', 'shared', 60, 4, 1000, NULL);
  `);
}

const verbs = ["INSERT", "INSERT OR REPLACE", "REPLACE", "INSERT OR FAIL", "INSERT OR ROLLBACK"];
const grants = {
  "exclusive beside exclusive": "(9, 'a', 'exclusive', 10, 99, 1, NULL)",
  "shared beside exclusive": "(9, 'a', 'shared', 0, 99, 1, NULL)",
  "exclusive beside shared": "(9, 'b', 'exclusive', 10, 99, 1, NULL)",
  "more shared than the GPU has": "(9, 'b', 'shared', 11, 99, 1, NULL)",
  "a lease that exists, as another kind": "(3, 'b', 'exclusive', 100, 99, 1, NULL)",
  "a lease that exists, larger": "(4, 'b', 'shared', 70, 99, 1, NULL)",
  "a lease that was released, once more": "(1, 'a', 'shared', 0, 99, 1, NULL)",
  "an equal fence": "(9, 'b', 'shared', 1, 4, 1, NULL)",
  "an old fence": "(9, 'b', 'shared', 1, 3, 1, NULL)",
  "a GPU that does not exist": "(9, 'z', 'shared', 1, 99, 1, NULL)",
  "released from the start": "(9, 'b', 'shared', 1, 99, 1, 5)",
  "negative memory": "(9, 'b', 'shared', -50, 99, 1, NULL)",
  "memory that is no number": "(9, 'b', 'shared', 'little', 99, 1, NULL)",
  "a fence that is no number": "(9, 'b', 'shared', 1, 'newest', 1, NULL)",
  "a kind that does not exist": "(9, 'b', 'borrowed', 1, 99, 1, NULL)",
};
const changes = {
  "another GPU": "SET gpu = 'b' WHERE worker_id = 2",
  "another kind": "SET mode = 'exclusive' WHERE worker_id = 3",
  "more memory": "SET vram_bytes = 31 WHERE worker_id = 3",
  "less memory": "SET vram_bytes = 1 WHERE worker_id = 3",
  "another fence": "SET fence = 50 WHERE worker_id = 2",
  "another worker": "SET worker_id = 50 WHERE worker_id = 2",
  "another time": "SET granted_at = 5 WHERE worker_id = 2",
  "another kind while it is released": "SET mode = 'shared', released_at = 3000 WHERE worker_id = 2",
  "more memory while it is released": "SET vram_bytes = 1, released_at = 3000 WHERE worker_id = 3",
  "taking a release back": "SET released_at = NULL WHERE worker_id = 1",
  "another time of release": "SET released_at = 9999 WHERE worker_id = 1",
  nothing: "SET fence = fence WHERE worker_id = 2",
};
const deletions = {
  "a live lease": "DELETE FROM leases WHERE worker_id = 3",
  "the newest fence of a GPU": "DELETE FROM leases WHERE worker_id = 2",
  "all leases": "DELETE FROM leases",
};

describe("raw SQL cannot break the leases:", () => {
  const attempts = [
    ...verbs.flatMap((verb) =>
      Object.entries(grants).map(([what, row]) => [`${verb} ${what}`, `${verb} INTO leases VALUES ${row}`]),
    ),
    ...["UPDATE", "UPDATE OR REPLACE", "UPDATE OR FAIL"].flatMap((verb) =>
      Object.entries(changes).map(([what, rest]) => [`${verb} ${what}`, `${verb} leases ${rest}`]),
    ),
    ...Object.entries(deletions).map(([what, sql]) => [`delete ${what}`, sql]),
    [
      "upsert",
      "INSERT INTO leases VALUES (3,'b','shared',30,99,1,NULL) ON CONFLICT DO UPDATE SET vram_bytes=0",
    ],
  ] as [string, string][];

  test("every attempt fails and changes nothing", () => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    const before = leasesOf(db);
    for (const [what, sql] of attempts) {
      expect(() => db.exec(sql), what).toThrow();
      expect(leasesOf(db), what).toEqual(before);
    }
  });

  test.each(["INSERT OR IGNORE", "UPDATE OR IGNORE"])("%s changes nothing either", (verb) => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    const before = leasesOf(db);
    const endings = verb.startsWith("INSERT")
      ? Object.values(grants).map((row) => `INTO leases VALUES ${row}`)
      : Object.values(changes).map((change) => `leases ${change}`);
    for (const ending of endings) {
      try {
        db.exec(`${verb} ${ending}`);
      } catch {
        // Whether it fails or is skipped does not matter here.
      }
      expect(leasesOf(db), ending).toEqual(before);
    }
  });

  test("what is allowed works: a release, the next grant, forgetting an old lease", () => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    db.exec("UPDATE leases SET released_at = 3000 WHERE worker_id = 2");
    db.exec("INSERT INTO leases VALUES (9, 'a', 'exclusive', 100, 5, 3000, NULL)");
    db.exec("INSERT INTO leases VALUES (10, 'b', 'shared', 10, 6, 3000, NULL)");
    db.exec("DELETE FROM leases WHERE worker_id IN (1, 2)");
    expect(leasesOf(db).map(({ worker_id }) => worker_id)).toEqual([3, 4, 9, 10]);
  });
});

describe("a lease that sleeps", () => {
  const asleep = "UPDATE leases SET mode = 'residue', vram_bytes = 10 WHERE worker_id = 2";
  const beside = "INSERT INTO leases VALUES (5, 'a', 'exclusive', 90, 5, 3000, NULL)";
  const gone = "UPDATE leases SET released_at = 4000 WHERE worker_id = 5";

  test("leaves the rest of its GPU to one other, and is granted anew once that is gone", () => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    for (const sql of [
      asleep,
      beside,
      "UPDATE leases SET vram_bytes = 5 WHERE worker_id = 2",
      gone,
      "UPDATE leases SET mode = 'exclusive', vram_bytes = 100, fence = 6 WHERE worker_id = 2",
    ])
      db.exec(sql);
    expect(leasesOf(db).find(({ worker_id }) => worker_id === 2)).toMatchObject({
      mode: "exclusive",
      vram_bytes: 100,
      fence: 6,
    });
  });

  test.each([
    ["granted asleep", "INSERT INTO leases VALUES (9, 'b', 'residue', 1, 99, 1, NULL)", []],
    [
      "asleep with more than it had",
      "UPDATE leases SET mode = 'residue', vram_bytes = 31 WHERE worker_id = 3",
      [],
    ],
    ["asleep with another fence", "UPDATE leases SET mode = 'residue', fence = 99 WHERE worker_id = 2", []],
    [
      "asleep and released at once",
      "UPDATE leases SET mode = 'residue', released_at = 5 WHERE worker_id = 2",
      [],
    ],
    ["larger than what is left", "UPDATE leases SET vram_bytes = 11 WHERE worker_id = 2", [asleep, beside]],
    [
      "woken beside another",
      "UPDATE leases SET mode = 'exclusive', fence = 9 WHERE worker_id = 2",
      [asleep, beside],
    ],
    [
      "woken to share what is not shared",
      "UPDATE leases SET mode = 'shared', fence = 9 WHERE worker_id = 2",
      [asleep, beside],
    ],
    [
      "woken with its old fence",
      "UPDATE leases SET mode = 'exclusive' WHERE worker_id = 2",
      [asleep, beside, gone],
    ],
    ["two beside it", "INSERT INTO leases VALUES (6, 'a', 'shared', 0, 9, 1, NULL)", [asleep, beside]],
    [
      "more beside it than is left",
      "INSERT INTO leases VALUES (6, 'a', 'exclusive', 91, 9, 1, NULL)",
      [asleep],
    ],
  ])("is never %s", (_what, sql, before) => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db);
    for (const each of before) db.exec(each);
    const were = leasesOf(db);
    for (const verb of ["UPDATE OR REPLACE ", "UPDATE "]) {
      const tried = sql.replace(/^UPDATE /, verb);
      expect(() => db.exec(tried), tried).toThrow();
      expect(leasesOf(db)).toEqual(were);
    }
  });
});

describe("a random walk of raw SQL", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("seed %i leaves the invariants whole", (seed) => {
    using temp = tempDatabase();
    const db = temp.open();
    db.pragma("synchronous = OFF");
    addGpus(db);
    const rng = createRng(seed);
    let done = 0;
    let refused = 0;
    const newest = { a: 0, b: 0 };
    for (let round = 0; round < 400; round++) {
      const sql = randomStatement(rng);
      try {
        db.exec(sql);
        done += 1;
      } catch {
        refused += 1;
      }
      checkLeases(db, newest, sql);
    }
    expect(done, "some statements pass").toBeGreaterThan(20);
    expect(refused, "some are refused").toBeGreaterThan(20);
  });
});

function randomStatement(rng: Rng): string {
  const gpu = rng.pick(["a", "b"]);
  const worker = rng.below(60);
  const mode = rng.pick(["exclusive", "shared", "shared", "residue"]);
  const bytes = rng.below(60);
  const fence = rng.below(400);
  const where = rng.pick([
    `worker_id = ${worker}`,
    `gpu = '${gpu}'`,
    "released_at IS NULL",
    `fence > ${fence}`,
  ]);
  return rng.pick([
    `${rng.pick(verbs)} INTO leases VALUES (${worker}, '${gpu}', '${mode}', ${bytes}, ${fence}, 1, NULL)`,
    `${rng.pick(verbs)} INTO leases VALUES (${worker}, '${gpu}', '${mode}', ${bytes},
       (SELECT COALESCE(MAX(fence), 0) + 1 FROM leases WHERE gpu = '${gpu}'), 1, NULL)`,
    `UPDATE OR REPLACE leases SET released_at = 5 WHERE ${where} AND released_at IS NULL`,
    `UPDATE OR REPLACE leases SET mode = '${mode}', vram_bytes = ${bytes}, fence = ${fence} WHERE ${where}`,
    `UPDATE leases SET mode = '${mode}', vram_bytes = ${bytes},
       fence = (SELECT MAX(fence) + 1 FROM leases) WHERE worker_id = ${worker}`,
    `UPDATE OR REPLACE leases SET mode = 'residue', vram_bytes = ${rng.below(20)} WHERE worker_id = ${worker}`,
    `UPDATE OR IGNORE leases SET released_at = NULL, gpu = '${gpu}' WHERE ${where}`,
    `DELETE FROM leases WHERE ${where}`,
    `DELETE FROM leases WHERE worker_id = ${worker}`,
  ]);
}

function checkLeases(db: Database, newest: Record<string, number>, after: string): void {
  const all = leasesOf(db);
  for (const gpu of ["a", "b"]) {
    const live = all.filter((lease) => lease.gpu === gpu && lease.released_at === null);
    const awake = live.filter((lease) => lease.mode !== "residue");
    const exclusive = awake.filter((lease) => lease.mode === "exclusive");
    expect(exclusive.length, after).toBeLessThanOrEqual(1);
    if (exclusive.length > 0) expect(awake.length, after).toBe(1);
    expect(
      live.reduce((sum, lease) => sum + lease.vram_bytes, 0),
      after,
    ).toBeLessThanOrEqual(TOTAL);
    const fence = Math.max(0, ...all.filter((lease) => lease.gpu === gpu).map((lease) => lease.fence));
    expect(fence, `the newest fence of ${gpu} is never forgotten: ${after}`).toBeGreaterThanOrEqual(
      newest[gpu] ?? 0,
    );
    newest[gpu] = fence;
  }
}
