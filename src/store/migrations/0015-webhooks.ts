/** Whom to tell how a job comes along, and how far that has been told. */
export const webhooks = `
CREATE TABLE webhooks (
  job_id INTEGER NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  base TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'dead')),
  told INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  next_at INTEGER,
  detail TEXT
) STRICT;
CREATE INDEX webhooks_open ON webhooks(job_id) WHERE state = 'open';
`;
