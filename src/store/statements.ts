import type { Database } from "./database.ts";
import { timetableStatements } from "./timetable.ts";

export type Statements = ReturnType<typeof prepareStatements>;

/** The statements of a commit, prepared once. */
export function prepareStatements(db: Database) {
  return {
    ...prepareShared(db),
    ...prepareLeases(db),
    putLane: db.prepare(
      `INSERT INTO lanes (key, spec, learned, arrivals) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET spec = excluded.spec, learned = excluded.learned,
         arrivals = excluded.arrivals`,
    ),
    putAccount: db.prepare(
      `INSERT INTO accounts (key, usage_ms, usage_at) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET usage_ms = excluded.usage_ms, usage_at = excluded.usage_at`,
    ),
    putGpu: db.prepare(
      `INSERT INTO gpus (uuid, idx, total_bytes, vendor, parent, quarantine) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (uuid) DO UPDATE SET idx = excluded.idx, total_bytes = excluded.total_bytes,
         vendor = excluded.vendor, parent = excluded.parent, quarantine = excluded.quarantine`,
    ),
    putWorker: db.prepare(
      `INSERT INTO workers (id, name, lane, runtime, fence, state, phase, pinned, backfill_until, created_at)
       VALUES (:id, :name, :lane, :runtime, :fence, :state, :phase, :pinned, :backfillUntil, :createdAt)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, phase = excluded.phase, pinned = excluded.pinned,
         fence = excluded.fence, backfill_until = excluded.backfill_until`,
    ),
    endWorker: db.prepare(
      "UPDATE workers SET state = ?, gone_at = ?, exit_code = ?, detail = ? WHERE id = ?",
    ),
    setIdentity: db.prepare("UPDATE workers SET identity = ? WHERE id = ?"),
    setEndpoint: db.prepare("UPDATE workers SET endpoint = ?, ready_at = ? WHERE id = ?"),
    stateOf: db.prepare("SELECT state FROM jobs WHERE id = ?"),
    insertJob: db.prepare(
      `INSERT INTO jobs (id, runtime, lane, state, priority, retries, time_limit_ms, attempts, worker_id, submitted_at,
         started_at, hold, ending, after, params, command, cwd, environment_id, summary, label, uid, user, retry_of,
         retry_delay_ms, account_set, preemptible, estimate_key, extras, array_id, array_index, resume_command, schedule_id,
         terminal, correlation, label_set)
       VALUES (:id, :runtime, :lane, :state, :priority, :retries, :timeLimitMs, :attempts, :workerId, :submittedAt,
         :startedAt, :hold, :ending, :after, :params, :command, :cwd, :environmentId, :summary, :label, :uid,
         :user, :retryOf, :retryDelayMs, :accountSet, :preemptible, :estimateKey, :extras, :arrayId, :arrayIndex,
         :resumeCommand, :scheduleId, :terminal, :correlation, :labelSet)`,
    ),
    updateJob: db.prepare(
      `UPDATE jobs SET state = :state, attempts = :attempts, worker_id = COALESCE(:workerId, worker_id),
         started_at = :startedAt, ending = :ending, hold = :hold, extras = :extras, priority = :priority,
         retries = :retries, time_limit_ms = :timeLimitMs WHERE id = :id`,
    ),
    endJob: db.prepare(
      // A run that began and ended in one step was never written as running: its attempt knows when it began.
      `UPDATE jobs SET state = :state, attempts = :attempts, finished_at = :finishedAt, exit_code = :exitCode,
         started_at = COALESCE(started_at, (SELECT MAX(started_at) FROM attempts WHERE job_id = :id)),
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
    ...timetableStatements(db),
    count: db.prepare(
      "INSERT INTO counters (state, n) VALUES (?, ?) ON CONFLICT (state) DO UPDATE SET n = n + excluded.n",
    ),
    insertEvent: db.prepare(
      "INSERT INTO events (at, type, job_id, worker, gpu, text) VALUES (?, ?, ?, ?, ?, ?)",
    ),
  };
}

/** Of rows that many jobs share. */
function prepareShared(db: Database) {
  return {
    putRunGroup: db.prepare(
      "INSERT INTO run_groups (key, run) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET run = excluded.run",
    ),
    insertArray: db.prepare("INSERT INTO arrays (id, max_active) VALUES (?, ?)"),
    pruneArray: db.prepare(
      `DELETE FROM arrays WHERE id = :id
         AND NOT EXISTS (SELECT 1 FROM jobs WHERE array_id = :id AND finished_at IS NULL)`,
    ),
    putAccountSet: db.prepare("INSERT OR IGNORE INTO account_sets (keys) VALUES (?)"),
    accountSetOf: db.prepare("SELECT id FROM account_sets WHERE keys = ?"),
    putLabelSet: db.prepare("INSERT OR IGNORE INTO label_sets (labels) VALUES (?)"),
    labelSetOf: db.prepare("SELECT id FROM label_sets WHERE labels = ?").pluck(),
    putLabel: db.prepare("INSERT INTO labels (set_id, name, value) VALUES (?, ?, ?)"),
    // Some at a time: after a quiet week there may be a million of them.
    forgetKeys: db.prepare(
      `DELETE FROM submission_keys WHERE (uid, key) IN
         (SELECT uid, key FROM submission_keys WHERE at < ? ORDER BY at LIMIT 100)`,
    ),
    insertKey: db.prepare(
      "INSERT INTO submission_keys (uid, key, digest, first_job, jobs, at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    insertWebhook: db.prepare(
      "INSERT INTO webhooks (job_id, jobs, url, events, base) VALUES (?, ?, ?, ?, ?)",
    ),
    putEnvironment: db.prepare("INSERT OR IGNORE INTO environments (digest, variables) VALUES (?, ?)"),
    environmentOf: db.prepare("SELECT id FROM environments WHERE digest = ?"),
  };
}

function prepareLeases(db: Database) {
  return {
    grantLease: db.prepare(
      "INSERT INTO leases (worker_id, gpu, mode, vram_bytes, fence, granted_at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    resizeLease: db.prepare(
      "UPDATE leases SET mode = ?, vram_bytes = ?, fence = ? WHERE worker_id = ? AND gpu = ?",
    ),
    releaseLease: db.prepare("UPDATE leases SET released_at = ? WHERE worker_id = ? AND gpu = ?"),
  };
}
