/** A webhook may tell of many jobs at once: of so many that were submitted together, of which the job is the first. */
export const webhooksOfMany = `
CREATE TABLE webhooks_next (
  job_id INTEGER NOT NULL,
  jobs INTEGER NOT NULL DEFAULT 0,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  base TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'dead')),
  told INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  failing_since INTEGER,
  next_at INTEGER,
  detail TEXT,
  PRIMARY KEY (job_id, jobs)
) STRICT;
INSERT INTO webhooks_next (job_id, url, events, base, state, told, tries, failing_since, next_at, detail)
  SELECT job_id, url, events, base, state, told, tries, failing_since, next_at, detail FROM webhooks;
DROP TABLE webhooks;
ALTER TABLE webhooks_next RENAME TO webhooks;
CREATE INDEX webhooks_open ON webhooks(job_id, jobs) WHERE state = 'open';
CREATE INDEX webhooks_dead ON webhooks(job_id, jobs) WHERE state = 'dead';
CREATE INDEX webhooks_of_many ON webhooks(job_id) WHERE jobs > 0;
`;
