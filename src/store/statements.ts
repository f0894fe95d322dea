import type { Database } from "./database.ts";

export type Statements = ReturnType<typeof prepareStatements>;

/** The statements of a commit, prepared once. */
export function prepareStatements(db: Database) {
  return {
    putLane: db.prepare(
      `INSERT INTO lanes (key, spec, start_cost_ms, stop_cost_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET spec = excluded.spec, start_cost_ms = excluded.start_cost_ms,
         stop_cost_ms = excluded.stop_cost_ms`,
    ),
    putGpu: db.prepare(
      `INSERT INTO gpus (uuid, idx, total_bytes) VALUES (?, ?, ?)
       ON CONFLICT (uuid) DO UPDATE SET idx = excluded.idx, total_bytes = excluded.total_bytes`,
    ),
    putWorker: db.prepare(
      `INSERT INTO workers (id, name, lane, runtime, fence, state, phase, pinned, created_at)
       VALUES (:id, :name, :lane, :runtime, :fence, :state, :phase, :pinned, :createdAt)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, phase = excluded.phase, pinned = excluded.pinned`,
    ),
    endWorker: db.prepare(
      "UPDATE workers SET state = ?, gone_at = ?, exit_code = ?, detail = ? WHERE id = ?",
    ),
    setIdentity: db.prepare("UPDATE workers SET identity = ? WHERE id = ?"),
    setEndpoint: db.prepare("UPDATE workers SET endpoint = ?, ready_at = ? WHERE id = ?"),
    grantLease: db.prepare(
      "INSERT INTO leases (worker_id, gpu, mode, vram_bytes, fence, granted_at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    releaseLease: db.prepare("UPDATE leases SET released_at = ? WHERE worker_id = ? AND gpu = ?"),
    stateOf: db.prepare("SELECT state FROM jobs WHERE id = ?"),
    insertJob: db.prepare(
      `INSERT INTO jobs (id, runtime, lane, state, priority, retries, time_limit_ms, attempts, worker_id, submitted_at,
         started_at, hold, ending, after, params, command, cwd, environment_id, summary, label, uid, user, retry_of)
       VALUES (:id, :runtime, :lane, :state, :priority, :retries, :timeLimitMs, :attempts, :workerId, :submittedAt,
         :startedAt, :hold, :ending, :after, :params, :command, :cwd, :environmentId, :summary, :label, :uid,
         :user, :retryOf)`,
    ),
    updateJob: db.prepare(
      `UPDATE jobs SET state = :state, attempts = :attempts, worker_id = COALESCE(:workerId, worker_id),
         started_at = :startedAt, ending = :ending, hold = :hold WHERE id = :id`,
    ),
    endJob: db.prepare(
      `UPDATE jobs SET state = :state, attempts = :attempts, finished_at = :finishedAt, exit_code = :exitCode,
         reason_code = :reasonCode, reason_text = :reasonText, output = :output, artifacts = :artifacts,
         hold = NULL, ending = NULL WHERE id = :id`,
    ),
    startAttempt: db.prepare(
      `INSERT INTO attempts (job_id, attempt, worker_id, fence, started_at) VALUES (?, ?, ?, ?, ?)`,
    ),
    endAttempt: db.prepare(
      "UPDATE attempts SET finished_at = ?, outcome = ?, exit_code = ? WHERE job_id = ? AND attempt = ?",
    ),
    dropAttempt: db.prepare("DELETE FROM attempts WHERE job_id = ? AND attempt = ?"),
    count: db.prepare(
      "INSERT INTO counters (state, n) VALUES (?, ?) ON CONFLICT (state) DO UPDATE SET n = n + excluded.n",
    ),
    putEnvironment: db.prepare("INSERT OR IGNORE INTO environments (digest, variables) VALUES (?, ?)"),
    environmentOf: db.prepare("SELECT id FROM environments WHERE digest = ?"),
    insertEvent: db.prepare(
      "INSERT INTO events (at, type, job_id, worker, gpu, text) VALUES (?, ?, ?, ?, ?, ?)",
    ),
  };
}
