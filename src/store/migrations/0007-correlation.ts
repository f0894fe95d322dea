/** The caller's id of what a job belongs to. Most jobs have none of it: theirs follows from their own id. */
export const correlation = `
ALTER TABLE jobs ADD COLUMN correlation TEXT;
CREATE INDEX jobs_of_correlation ON jobs(correlation) WHERE correlation IS NOT NULL;
`;
