/** Tasks of documents: what was asked for, how it stands, and where results are. What runs for them are jobs. */
export const tasks = `
CREATE TABLE task_documents (id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  submission TEXT NOT NULL REFERENCES task_documents(id),
  name TEXT NOT NULL,
  node TEXT,
  type TEXT NOT NULL,
  document TEXT NOT NULL,
  after TEXT NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  grant_of_key TEXT,
  correlation TEXT,
  state TEXT NOT NULL CHECK (state IN ('waiting','pending','dispatched','done','failed')),
  jobs TEXT NOT NULL DEFAULT '[]',
  worker TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  submitted_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  CHECK ((finished_at IS NOT NULL) = (state IN ('done','failed')))
) STRICT;
CREATE INDEX tasks_live ON tasks(seq) WHERE finished_at IS NULL;
CREATE INDEX tasks_submission ON tasks(submission);

CREATE TRIGGER task_end_is_final BEFORE UPDATE OF state, finished_at ON tasks
WHEN OLD.finished_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'orch: a finished task never changes'); END;

CREATE TABLE task_results (
  task_id TEXT NOT NULL PRIMARY KEY,
  uid INTEGER NOT NULL,
  folder TEXT NOT NULL,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;
