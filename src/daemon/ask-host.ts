import { execFile } from "node:child_process";

/** A directory on the network (LDAP, SSSD) that is down may cost this much. */
const TIMEOUT_MS = 1_000;

/** What a program of the host prints; null when it fails, is missing or takes longer than a second. */
export function askHost(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, killSignal: "SIGKILL" } as const;
    execFile(program, args, options, (error, stdout) => resolve(error === null ? stdout : null));
  });
}
