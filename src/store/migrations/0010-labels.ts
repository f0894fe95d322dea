/** Labels by which jobs are found. A distinct set of them is stored once, however many jobs bear it. */
export const labels = `
CREATE TABLE label_sets (id INTEGER PRIMARY KEY, labels TEXT NOT NULL UNIQUE);

CREATE TABLE labels (
  set_id INTEGER NOT NULL REFERENCES label_sets(id),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (set_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_sets_by_label ON labels(name, value, set_id);

ALTER TABLE jobs ADD COLUMN label_set INTEGER REFERENCES label_sets(id);
CREATE INDEX jobs_by_labels ON jobs(label_set) WHERE label_set IS NOT NULL;
`;
