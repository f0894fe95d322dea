/** Schedules and reservations. Rows stay when these are removed: their ids are not given out again. */
export const timetable = `
CREATE TABLE schedules (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  line TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  missed TEXT NOT NULL CHECK (missed IN ('skip','once','all')),
  overlap INTEGER NOT NULL,
  submission TEXT NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  paused INTEGER NOT NULL,
  next_at INTEGER,
  done_at INTEGER NOT NULL,
  first_job INTEGER,
  last_job INTEGER,
  last_error TEXT,
  removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX schedules_by_name ON schedules(name) WHERE removed_at IS NULL;

ALTER TABLE jobs ADD COLUMN schedule_id INTEGER;

CREATE TABLE reservations (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  gpus TEXT NOT NULL,
  start_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  accounts TEXT NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  has_begun INTEGER NOT NULL,
  removed_at INTEGER,
  CHECK (end_at > start_at)
) STRICT;
`;
