/**
 * Workers that sleep: what they still hold of a GPU is a lease of its own kind, `residue`, that may stand beside others. A
 * lease becomes one and a lease again in place: waking is a grant, with a new fence and all its checks.
 */
export const sleep = `
CREATE TABLE leases_before AS SELECT * FROM leases;
DROP TABLE leases;
CREATE TABLE leases (
  worker_id INTEGER NOT NULL,
  gpu TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('exclusive','shared','residue')),
  vram_bytes INTEGER NOT NULL CHECK (vram_bytes >= 0),
  fence INTEGER NOT NULL,
  granted_at INTEGER NOT NULL,
  released_at INTEGER,
  PRIMARY KEY (worker_id, gpu)
) STRICT, WITHOUT ROWID;
INSERT INTO leases SELECT worker_id, gpu, mode, vram_bytes, fence, granted_at, released_at FROM leases_before;
DROP TABLE leases_before;
CREATE UNIQUE INDEX one_exclusive_lease ON leases(gpu) WHERE mode = 'exclusive' AND released_at IS NULL;
CREATE INDEX leases_live ON leases(gpu) WHERE released_at IS NULL;
CREATE INDEX leases_fence ON leases(gpu, fence);

CREATE TRIGGER lease_grant BEFORE INSERT ON leases
BEGIN
  SELECT RAISE(ABORT, 'orch: no such GPU')
    WHERE NOT EXISTS (SELECT 1 FROM gpus WHERE uuid = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: a lease is granted live')
    WHERE NEW.released_at IS NOT NULL;
  SELECT RAISE(ABORT, 'orch: a lease is granted awake')
    WHERE NEW.mode = 'residue';
  SELECT RAISE(ABORT, 'orch: this lease exists')
    WHERE EXISTS (SELECT 1 FROM leases WHERE worker_id = NEW.worker_id AND gpu = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: the GPU is leased exclusively')
    WHERE EXISTS (SELECT 1 FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL AND mode = 'exclusive');
  SELECT RAISE(ABORT, 'orch: the GPU is shared, no exclusive lease is possible')
    WHERE NEW.mode = 'exclusive'
      AND EXISTS (SELECT 1 FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL AND mode <> 'residue');
  SELECT RAISE(ABORT, 'orch: the leases would be larger than the GPU')
    WHERE NEW.vram_bytes + (SELECT COALESCE(SUM(vram_bytes), 0) FROM leases WHERE gpu = NEW.gpu AND released_at IS NULL)
      > (SELECT total_bytes FROM gpus WHERE uuid = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: fences only grow')
    WHERE NEW.fence <= (SELECT COALESCE(MAX(fence), 0) FROM leases WHERE gpu = NEW.gpu);
END;
CREATE TRIGGER lease_change BEFORE UPDATE ON leases
BEGIN
  SELECT RAISE(ABORT, 'orch: a released lease never changes')
    WHERE OLD.released_at IS NOT NULL;
  SELECT RAISE(ABORT, 'orch: a lease stays with its worker and GPU')
    WHERE NEW.worker_id <> OLD.worker_id OR NEW.gpu <> OLD.gpu OR NEW.granted_at <> OLD.granted_at;
  SELECT RAISE(ABORT, 'orch: a lease is released as it is')
    WHERE NEW.released_at IS NOT NULL
      AND (NEW.mode <> OLD.mode OR NEW.vram_bytes <> OLD.vram_bytes OR NEW.fence <> OLD.fence);
  SELECT RAISE(ABORT, 'orch: a lease is changed by sleep only')
    WHERE NEW.released_at IS NULL AND NEW.mode <> 'residue' AND OLD.mode <> 'residue';
  SELECT RAISE(ABORT, 'orch: a lease that falls asleep keeps its fence and does not grow')
    WHERE NEW.released_at IS NULL AND NEW.mode = 'residue'
      AND (NEW.fence <> OLD.fence OR (OLD.mode <> 'residue' AND NEW.vram_bytes > OLD.vram_bytes));
  SELECT RAISE(ABORT, 'orch: the leases would be larger than the GPU')
    WHERE NEW.released_at IS NULL
      AND NEW.vram_bytes + (SELECT COALESCE(SUM(vram_bytes), 0) FROM leases
          WHERE gpu = NEW.gpu AND released_at IS NULL AND worker_id <> NEW.worker_id)
        > (SELECT total_bytes FROM gpus WHERE uuid = NEW.gpu);
  SELECT RAISE(ABORT, 'orch: the GPU is leased exclusively')
    WHERE NEW.released_at IS NULL AND NEW.mode <> 'residue' AND EXISTS (SELECT 1 FROM leases
        WHERE gpu = NEW.gpu AND released_at IS NULL AND mode = 'exclusive' AND worker_id <> NEW.worker_id);
  SELECT RAISE(ABORT, 'orch: the GPU is shared, no exclusive lease is possible')
    WHERE NEW.released_at IS NULL AND NEW.mode = 'exclusive' AND EXISTS (SELECT 1 FROM leases
        WHERE gpu = NEW.gpu AND released_at IS NULL AND mode <> 'residue' AND worker_id <> NEW.worker_id);
  SELECT RAISE(ABORT, 'orch: fences only grow')
    WHERE NEW.released_at IS NULL AND NEW.mode <> 'residue'
      AND NEW.fence <= (SELECT COALESCE(MAX(fence), 0) FROM leases WHERE gpu = NEW.gpu);
END;
CREATE TRIGGER lease_delete BEFORE DELETE ON leases
WHEN OLD.released_at IS NULL OR OLD.fence = (SELECT MAX(fence) FROM leases WHERE gpu = OLD.gpu)
BEGIN SELECT RAISE(ABORT, 'orch: live leases and the newest fence of a GPU are never deleted'); END;

CREATE TABLE workers_before AS SELECT * FROM workers;
DROP TABLE workers;
CREATE TABLE workers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  lane TEXT NOT NULL,
  runtime TEXT NOT NULL,
  fence INTEGER NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN
    ('starting','ready','draining','falling-asleep','asleep','waking','stopping','gone','failed')),
  phase TEXT NOT NULL,
  pinned INTEGER NOT NULL,
  identity TEXT,
  endpoint TEXT,
  created_at INTEGER NOT NULL,
  ready_at INTEGER,
  gone_at INTEGER,
  exit_code INTEGER,
  detail TEXT,
  backfill_until INTEGER
);
INSERT INTO workers (id, name, lane, runtime, fence, state, phase, pinned, identity, endpoint, created_at, ready_at,
    gone_at, exit_code, detail, backfill_until)
  SELECT id, name, lane, runtime, fence, state, phase, pinned, identity, endpoint, created_at, ready_at,
    gone_at, exit_code, detail, backfill_until FROM workers_before;
DROP TABLE workers_before;
CREATE INDEX workers_live ON workers(id) WHERE state NOT IN ('gone','failed');
`;
