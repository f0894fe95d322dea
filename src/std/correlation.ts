/** What a caller may give as the id that goes with a job wherever it is spoken of. */
export const CORRELATION_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,127}$/;

const INSTANCE_CHARACTERS = 8;

/** The id of a job for which nobody gave one: it follows from the daemon's instance, so it need not be stored. */
export function ownCorrelation(instanceId: string, jobId: number): string {
  return `${instanceId.slice(0, INSTANCE_CHARACTERS)}-${jobId}`;
}

/** The job whose own id this is; null for every other text. */
export function jobOfOwnCorrelation(instanceId: string, correlation: string): number | null {
  const jobId = Number(/-([1-9]\d{0,14})$/.exec(correlation)?.[1]);
  return Number.isSafeInteger(jobId) && ownCorrelation(instanceId, jobId) === correlation ? jobId : null;
}
