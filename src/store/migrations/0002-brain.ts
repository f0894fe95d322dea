/** What the scheduler learns and what jobs may ask for since it does. */
export const brain = `
ALTER TABLE lanes ADD COLUMN learned TEXT;
ALTER TABLE lanes ADD COLUMN arrivals TEXT;
UPDATE lanes SET learned = json_object('startMs', start_cost_ms, 'stopMs', stop_cost_ms);
ALTER TABLE lanes DROP COLUMN start_cost_ms;
ALTER TABLE lanes DROP COLUMN stop_cost_ms;

CREATE TABLE accounts (key TEXT PRIMARY KEY, usage_ms REAL NOT NULL, usage_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE run_groups (key TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE arrays (id INTEGER PRIMARY KEY, max_active INTEGER NOT NULL CHECK (max_active > 0)) STRICT;

-- Sets of accounts repeat from job to job: each distinct one is stored once.
CREATE TABLE account_sets (id INTEGER PRIMARY KEY, keys TEXT NOT NULL UNIQUE);

ALTER TABLE jobs ADD COLUMN retry_delay_ms INTEGER NOT NULL DEFAULT 1000;
ALTER TABLE jobs ADD COLUMN account_set INTEGER REFERENCES account_sets(id);
ALTER TABLE jobs ADD COLUMN preemptible INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN estimate_key TEXT;
ALTER TABLE jobs ADD COLUMN extras TEXT;
ALTER TABLE jobs ADD COLUMN array_id INTEGER;
ALTER TABLE jobs ADD COLUMN array_index INTEGER;
CREATE INDEX jobs_of_array ON jobs(array_id) WHERE array_id IS NOT NULL;

ALTER TABLE workers ADD COLUMN backfill_until INTEGER;

-- A hold used to list the jobs that must succeed; now each has its condition.
UPDATE jobs SET hold = json_set(hold, '$.byArray', json('false'), '$.after',
  (SELECT json_group_array(json_array(value, 'succeeded')) FROM json_each(jobs.hold, '$.after')))
  WHERE hold IS NOT NULL;
`;
