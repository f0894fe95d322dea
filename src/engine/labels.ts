import { readProcFile } from "./proc-file.ts";

/** Who started a program, as written into its environment; children inherit it. */
export interface Labels {
  readonly workerId: number;
  readonly instanceId: string;
}

const WORKER = "ORCH_WORKER=";
const INSTANCE = "ORCH_INSTANCE=";

/** The environment variables that mark a program as ours. */
export function labelEnvironment(labels: Labels): Readonly<Record<string, string>> {
  return { ORCH_WORKER: String(labels.workerId), ORCH_INSTANCE: labels.instanceId };
}

/** The labels found in an environment as /proc shows it (NAME=value, separated by NUL), or null. */
export function parseLabels(environment: Buffer): Labels | null {
  // Nearly every process of a host is not ours: one search of the bytes sorts it out without making strings.
  if (!environment.includes(INSTANCE)) return null;
  let workerId: number | undefined;
  let instanceId: string | undefined;
  for (const entry of environment.toString("utf8").split("\0")) {
    if (entry.startsWith(WORKER)) workerId ??= Number(entry.slice(WORKER.length));
    if (entry.startsWith(INSTANCE)) instanceId ??= entry.slice(INSTANCE.length);
  }
  if (workerId === undefined || !Number.isSafeInteger(workerId) || instanceId === undefined) return null;
  return { workerId, instanceId };
}

/** The labels of a running process, or null when it has none or they cannot be read. */
export function readLabels(pid: number): Labels | null {
  const environment = readProcFile(pid, "environ");
  return environment === null ? null : parseLabels(environment);
}
