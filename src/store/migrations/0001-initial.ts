/** The first schema. The leases guard themselves: whatever the code believes, two workers never hold one GPU. */
export const initial = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE lanes (
  key TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  start_cost_ms REAL,
  stop_cost_ms REAL
) WITHOUT ROWID;

CREATE TABLE gpus (
  uuid TEXT PRIMARY KEY,
  idx INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL CHECK (total_bytes >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE environments (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, variables TEXT NOT NULL);

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  runtime TEXT NOT NULL,
  lane TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('held','queued','starting','running','succeeded','failed','cancelled')),
  priority INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  time_limit_ms INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  worker_id INTEGER,
  submitted_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  exit_code INTEGER,
  reason_code TEXT,
  reason_text TEXT,
  hold TEXT,
  ending TEXT,
  after TEXT,
  params TEXT NOT NULL,
  command TEXT,
  cwd TEXT,
  environment_id INTEGER REFERENCES environments(id),
  summary TEXT NOT NULL,
  label TEXT,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  retry_of INTEGER,
  output TEXT,
  artifacts TEXT,
  CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded','failed','cancelled')))
);
CREATE INDEX jobs_by_state ON jobs(state, id);

-- A terminal state is written once.
CREATE TRIGGER job_end_is_final BEFORE UPDATE OF state, finished_at, exit_code ON jobs
WHEN OLD.state IN ('succeeded','failed','cancelled')
BEGIN SELECT RAISE(ABORT, 'orch: a finished job never changes'); END;

CREATE TABLE counters (state TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE attempts (
  job_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  outcome TEXT,
  exit_code INTEGER,
  PRIMARY KEY (job_id, attempt)
) WITHOUT ROWID;

CREATE TABLE workers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  lane TEXT NOT NULL,
  runtime TEXT NOT NULL,
  fence INTEGER NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('starting','ready','draining','stopping','gone','failed')),
  phase TEXT NOT NULL,
  pinned INTEGER NOT NULL,
  identity TEXT,
  endpoint TEXT,
  created_at INTEGER NOT NULL,
  ready_at INTEGER,
  gone_at INTEGER,
  exit_code INTEGER,
  detail TEXT
);
CREATE INDEX workers_live ON workers(id) WHERE state IN ('starting','ready','draining','stopping');

CREATE TABLE leases (
  worker_id INTEGER NOT NULL,
  gpu TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('exclusive','shared')),
  vram_bytes INTEGER NOT NULL CHECK (vram_bytes >= 0),
  fence INTEGER NOT NULL,
  granted_at INTEGER NOT NULL,
  released_at INTEGER,
  PRIMARY KEY (worker_id, gpu)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_exclusive_lease ON leases(gpu) WHERE mode = 'exclusive' AND released_at IS NULL;
CREATE INDEX leases_live ON leases(gpu) WHERE released_at IS NULL;
CREATE INDEX leases_fence ON leases(gpu, fence);

CREATE TRIGGER lease_grant BEFORE INSERT ON leases
BEGIN
  SELECT RAISE(ABORT, 'orch: no such GPU')
    WHERE NOT EXISTS (SELECT 1 FROM gpus WHERE uuid = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: a lease is granted live')
    WHERE NEW.released_at IS NOT NULL;
  SELECT RAISE(ABORT, 'orch: this lease exists')
    WHERE EXISTS (SELECT 1 FROM leases WHERE worker_id = NEW.worker_id AND gpu = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: the GPU is leased exclusively')
    WHERE EXISTS (SELECT 1 FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL AND mode = 'exclusive');
  SELECT RAISE(ABORT, 'orch: the GPU is shared, no exclusive lease is possible')
    WHERE NEW.mode = 'exclusive' AND EXISTS (SELECT 1 FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL);
  SELECT RAISE(ABORT, 'orch: the leases would be larger than the GPU')
    WHERE NEW.vram_bytes + (SELECT COALESCE(SUM(vram_bytes), 0) FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL)
      > (SELECT total_bytes FROM gpus WHERE uuid = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: fences only grow')
    WHERE NEW.fence <= (SELECT COALESCE(MAX(fence), 0) FROM leases WHERE gpu = NEW.gpu);
END;
CREATE TRIGGER lease_change BEFORE UPDATE ON leases
BEGIN
  SELECT RAISE(ABORT, 'orch: a lease is only ever released, once')
    WHERE OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
      OR NEW.worker_id <> OLD.worker_id OR NEW.gpu <> OLD.gpu OR NEW.mode <> OLD.mode
      OR NEW.vram_bytes <> OLD.vram_bytes OR NEW.fence <> OLD.fence OR NEW.granted_at <> OLD.granted_at;
END;
CREATE TRIGGER lease_delete BEFORE DELETE ON leases
WHEN OLD.released_at IS NULL OR OLD.fence = (SELECT MAX(fence) FROM leases WHERE gpu = OLD.gpu)
BEGIN SELECT RAISE(ABORT, 'orch: live leases and the newest fence of a GPU are never deleted'); END;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  job_id INTEGER,
  worker TEXT,
  gpu TEXT,
  text TEXT NOT NULL
);
CREATE INDEX events_job ON events(job_id) WHERE job_id IS NOT NULL;
`;
