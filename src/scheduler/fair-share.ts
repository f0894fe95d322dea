import { usageMs } from "./accounts.ts";
import type { Account } from "./job-model.ts";
import type { Lane, State } from "./model.ts";

/**
 * How much the past use of a lane's next user weighs against it: 2^(−u/s), with u the user's part of all decayed usage and s an
 * equal share among the users known (Slurm's classic fair-share factor). With one user it is the same for all.
 */
export function fairFactors(state: State, nowMs: number): (lane: Lane) => number {
  const users: Account[] = [];
  for (const account of state.accounts.values()) if (isActiveUser(account)) users.push(account);
  if (users.length < 2) return () => 1;
  const used = new Map(users.map((user) => [user, usageMs(state.policy, user, nowMs)]));
  const total = [...used.values()].reduce((sum, each) => sum + each, 0);
  if (total === 0) return () => 1;
  return (lane) => {
    const id = lane.queue.peek();
    const user = id === undefined ? undefined : state.jobs.get(id)?.terms.accounts[0];
    return user === undefined ? 1 : 2 ** (-((used.get(user) ?? 0) * users.length) / total);
  };
}

function isActiveUser({ key, waitingJobs, runningJobs, usageMs: used }: Account): boolean {
  return key.startsWith("user:") && (waitingJobs > 0 || runningJobs > 0 || used > 0);
}
