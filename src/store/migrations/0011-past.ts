/**
 * What finished jobs are looked up by: when they ended, what they are a retry of, whose environment they share; and the energy
 * that the GPUs took while they ran, in joules.
 */
export const past = `
ALTER TABLE jobs ADD COLUMN energy_j REAL;
CREATE INDEX jobs_finished ON jobs(finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_retried ON jobs(retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX jobs_by_environment ON jobs(environment_id) WHERE environment_id IS NOT NULL;
`;
