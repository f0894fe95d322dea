/** Requests that count only once, and what preempted commands go on with. */
export const submissionKeys = `
CREATE TABLE submission_keys (
  uid INTEGER NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  first_job INTEGER NOT NULL,
  jobs INTEGER NOT NULL CHECK (jobs > 0),
  at INTEGER NOT NULL,
  PRIMARY KEY (uid, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX submission_keys_by_age ON submission_keys(at);

ALTER TABLE jobs ADD COLUMN resume_command TEXT;
`;
