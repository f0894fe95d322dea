import { describe, expect, test } from "vitest";
import { jobFields } from "../../src/protocol/list-fields.ts";
import type { Filter, Operator } from "../../src/std/filter/filter.ts";
import { matchFilter } from "../../src/std/filter/match-filter.ts";
import { parseFilter } from "../../src/std/filter/parse-filter.ts";
import { compareRows, parseSort } from "../../src/std/filter/sort-keys.ts";
import { createRng, type Rng } from "../../src/std/rng.ts";
import type { Database } from "../../src/store/database.ts";
import type { JobRow } from "../../src/store/job-row.ts";
import { createQueries, type Queries } from "../../src/store/queries.ts";
import { tempDatabase } from "./temp-database.ts";

const NOW_MS = Date.UTC(2026, 0, 2);
const ADA = 1001;
const BOB = 1002;
const words = ["Fox", "fox_2", "a 50% share", "lighthouse", "a\\b", ""];
const sets = [{ team: "vision" }, { team: "audio", "run.no": "7" }];

/** Jobs of two users, of all kinds that matter to a filter. */
function fill(db: Database, rng: Rng, count: number): void {
  db.transaction(() => insertAll(db, rng, count))();
}

function insertAll(db: Database, rng: Rng, count: number): void {
  sets.forEach((labels, index) => {
    db.prepare("INSERT INTO label_sets VALUES (?, ?)").run(index + 1, JSON.stringify(labels));
    for (const [name, value] of Object.entries(labels))
      db.prepare("INSERT INTO labels VALUES (?, ?, ?)").run(index + 1, name, value);
  });
  db.exec(`INSERT INTO gpus (uuid, idx, total_bytes) VALUES ('GPU-a', 0, 100), ('GPU-b', 1, 100);
    INSERT INTO workers (id, name, lane, runtime, fence, state, phase, pinned, created_at)
      VALUES (1, 'sdxl-1', 'l', 'sdxl', 1, 'gone', '{}', 0, 1), (2, 'run-2', 'l', 'run', 2, 'gone', '{}', 0, 1);
    INSERT INTO leases VALUES (1, 'GPU-a', 'shared', 1, 1, 1, NULL), (1, 'GPU-b', 'shared', 1, 1, 1, NULL),
      (2, 'GPU-b', 'shared', 1, 2, 1, NULL);`);
  const insert = db.prepare(
    `INSERT INTO jobs (id, runtime, lane, state, priority, retries, attempts, worker_id, submitted_at, started_at,
       finished_at, exit_code, reason_code, reason_text, params, summary, label, uid, user, array_id, array_index,
       correlation, label_set)
     VALUES (:id, :runtime, 'l', :state, :priority, 0, :attempts, :worker, :submitted, :started, :finished, :exit,
       :reason, :text, '{}', :summary, :label, :uid, :user, :array, :array, :correlation, :labels)`,
  );
  for (let id = 1; id <= count; id += 1) {
    const state = rng.pick(["held", "queued", "running", "succeeded", "failed"]);
    const isOver = state === "succeeded" || state === "failed";
    const uid = rng.pick([ADA, BOB]);
    insert.run({
      id,
      runtime: rng.pick(["sdxl", "run", "charlm"]),
      state,
      priority: rng.below(3) - 1,
      attempts: rng.below(2),
      worker: rng.pick([null, 1, 2]),
      submitted: NOW_MS - rng.below(10) * 3_600_000,
      started: isOver ? NOW_MS - 1000 : null,
      finished: isOver ? NOW_MS : null,
      exit: isOver ? rng.below(2) : null,
      reason: state === "failed" ? "exit" : null,
      text: state === "failed" ? rng.pick([null, "exit code 1"]) : null,
      summary: rng.pick(words),
      label: rng.pick([null, ...words]),
      uid,
      user: uid === ADA ? "ada" : "bob",
      array: rng.pick([null, 7]),
      correlation: rng.pick([null, "nightly-7"]),
      labels: rng.pick([null, 1, 2]),
    });
  }
}

/** A job as its owner's view has it, as far as the database knows it. */
function viewOf(queries: Queries, row: JobRow): unknown {
  const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    ...row,
    worker: row.workerName,
    gpus: row.workerId === null ? [] : queries.gpusOf(row.workerId),
    reason: row.reasonCode === null ? null : { code: row.reasonCode, text: row.reasonText ?? "" },
    progress: row.finishedAtMs === null ? { fraction: 0.5, text: "half" } : null,
    correlation: row.correlation ?? `me-${row.id}`,
    array: row.arrayId === null ? null : { id: row.arrayId, index: row.arrayIndex },
    submittedAt: at(row.submittedAtMs),
    startedAt: at(row.startedAtMs),
    finishedAt: at(row.finishedAtMs),
  };
}

const operators = ["=", "!=", "<", "<=", ">", ">=", "~", "!~"];
const samples: Readonly<Record<string, readonly string[]>> = {
  number: ["0", "1", "-1", "7", "3"],
  time: ["2h", "5h ago", "2026-01-01T20:00Z"],
  text: [
    "sdxl",
    "'fox'",
    "fox*2",
    "'%'",
    "'_'",
    "exit",
    "vision",
    "'a\\\\b'",
    "nightly-7",
    "me-3",
    "GPU-b",
    "''",
    "ada",
  ],
};

function randomComparison(rng: Rng): string {
  const name = rng.pick([
    ...Object.keys(jobFields).filter((path) => !/\*|artifacts/.test(path)),
    "label.team",
    "labels.run.no",
  ]);
  const kind = Object.hasOwn(jobFields, name) ? jobFields[name as "id"] : "text";
  const values: readonly string[] =
    typeof kind === "string" ? (samples[kind] ?? samples["text"] ?? []) : kind;
  if (rng.chance(0.15)) return `${name} ${rng.pick(["=", "!="])} null`;
  if (rng.chance(0.2))
    return `${name} ${rng.pick(["in", "not in"])} (${rng.pick(values)}, ${rng.pick([...values, "null"])})`;
  const isText = typeof kind !== "string" || values === samples["text"];
  return `${name} ${rng.pick(isText ? operators : operators.slice(0, 6))} ${rng.pick(values)}`;
}

function randomFilter(rng: Rng, depth = 0): string {
  if (depth > 2 || rng.chance(0.4)) return randomComparison(rng);
  if (rng.chance(0.25)) return `not (${randomFilter(rng, depth + 1)})`;
  return `(${randomFilter(rng, depth + 1)} ${rng.pick(["and", "or"])} ${randomFilter(rng, depth + 1)})`;
}

const clock = { nowMs: NOW_MS, timeZone: "UTC" };
const read = (text: string): Filter => parseFilter(text, jobFields, clock);
const everything = { from: 1, before: 1_000_000, limit: 1_000_000 };
const search = (queries: Queries, filter: Filter, viewerUid: number | null = null) =>
  queries.searchJobs({ filter, sort: [], viewerUid, correlationPrefix: "me-" });

describe("a filter in SQL", () => {
  test("finds what the filter means, or more where the database does not know; 600 made-up ones", () => {
    using temp = tempDatabase();
    const db = temp.open();
    const rng = createRng(7);
    fill(db, rng, 120);
    const queries = createQueries(db);
    const rows = search(queries, read("id > 0")).page(everything);
    expect(rows).toHaveLength(120);
    let exact = 0;
    let hits = 0;
    for (let round = 0; round < 600; round += 1) {
      const text = randomFilter(rng);
      const filter = read(text);
      const expected = rows.filter((row) => matchFilter(filter, viewOf(queries, row))).map(({ id }) => id);
      const found = search(queries, filter);
      const ids = found.page(everything).map(({ id }) => id);
      if (found.isExact) expect([text, ids]).toEqual([text, expected]);
      else expect([text, expected.filter((id) => !ids.includes(id))]).toEqual([text, []]);
      exact += found.isExact ? 1 : 0;
      hits += expected.length;
    }
    // Neither side may be right by saying nothing.
    expect(exact).toBeGreaterThan(300);
    expect(hits).toBeGreaterThan(600 * 20);
  });

  test.each([
    "summary ~ fox",
    "label = null",
    "exitCode = 1",
    "labels.team = vision",
    "correlation ~ night",
    "reason.text ~ exit",
  ])("tells nobody about another user's job by %j or its opposite", (text) => {
    using temp = tempDatabase();
    const db = temp.open();
    fill(db, createRng(3), 200);
    const queries = createQueries(db);
    for (const asked of [text, `not (${text})`]) {
      const found = search(queries, read(asked), ADA);
      expect(found.isExact).toBe(false);
      const others = found.page(everything).filter(({ uid }) => uid === BOB);
      expect(others).toHaveLength(db.prepare("SELECT 1 FROM jobs WHERE uid = ?").all(BOB).length);
    }
  });

  test("binds every value: none of them is SQL", () => {
    using temp = tempDatabase();
    const queries = createQueries(temp.open());
    const operatorsOfText: Operator[] = ["=", "~", "<"];
    for (const operator of operatorsOfText)
      expect(
        search(queries, read(`user ${operator} "x' OR 1=1 --" or labels.team ${operator} "') --"`)).page(
          everything,
        ),
      ).toEqual([]);
  });
});

test("an order in SQL is that of the view, what has no value last either way", () => {
  using temp = tempDatabase();
  const db = temp.open();
  fill(db, createRng(5), 80);
  const queries = createQueries(db);
  const rows = search(queries, read("id > 0")).page(everything);
  for (const text of [
    "exitCode",
    "-exitCode,id",
    "runtime,-submittedAt",
    "-label,summary",
    "worker",
    "-finishedAt",
    "correlation",
  ]) {
    const sort = parseSort("--sort", text, jobFields);
    const { first } = queries.searchJobs({
      filter: read("id > 0"),
      sort,
      viewerUid: null,
      correlationPrefix: "me-",
    });
    const expected = rows
      .map((row) => ({ id: row.id, view: viewOf(queries, row) }))
      .sort((left, right) => compareRows(sort, left.view, right.view) || right.id - left.id);
    expect([text, first?.(everything).map(({ id }) => id)]).toEqual([text, expected.map(({ id }) => id)]);
  }
  for (const [text, viewerUid] of [
    ["reason.code", null],
    ["gpus", null],
    ["label", ADA],
  ] as const) {
    const sort = parseSort("--sort", text, jobFields);
    expect(
      queries.searchJobs({ filter: read("id > 0"), sort, viewerUid, correlationPrefix: "me-" }).first,
    ).toBeNull();
  }
});
