import fs from "node:fs";
import path from "node:path";
import type { Limits } from "../../engine/cgroup.ts";
import type { Launch } from "../../engine/engine.ts";
import type { Worker } from "../../scheduler/model.ts";
import { sleepRamBytes } from "../../scheduler/sleep.ts";
import { must } from "../../std/assert.ts";
import type { World } from "../world.ts";
import type { Account } from "./accounts.ts";
import { giveTo, makeJobFolder, openOutput } from "./ownership.ts";
import { type Users, type UserToBe, workerUserFor } from "./users.ts";

/**
 * What the engine starts for a worker, with its limits and, where several users are served, as whom: a command as the user
 * who submitted it, all else as the user whom the config names for workers. What that one has to write is made theirs.
 * @param prepare plans the launch; called only once it is known that the program may run
 * @throws Failure permission/denied, engine/unavailable, and those of `prepare`
 */
export async function launchAs(
  world: World,
  worker: Worker,
  prepare: () => Promise<Launch>,
): Promise<Launch> {
  const { users } = world;
  const { spec } = worker.lane;
  const limits = limitsOf(world, worker);
  if (users === null) return { ...(await prepare()), limits };
  const isCommand = spec.runtime === "run";
  const { account, runAs } = isCommand ? await submitterOf(world, users, worker) : workerUserFor(users);
  const launch = await prepare();
  const [job] = worker.jobs;
  if (spec.residency === "one-shot" && job) {
    makeJobFolder(world, path.dirname(launch.logPath));
    if (!isCommand) giveExecFiles(world, worker, job.id, account);
  }
  giveTerminal(world, users, worker, account);
  // The engine is root's, and told to run the container as that user; its command is no business of theirs.
  if (launch.container !== undefined) return { ...launch, limits };
  return { ...launch, env: { ...environmentOf(account), ...launch.env }, runAs, limits };
}

/** One that can sleep is allowed what its sleep is expected to take, too: else the kernel would end it as it falls asleep. */
function limitsOf({ limits }: World, worker: Worker): Limits {
  const { spec } = worker.lane;
  return {
    ramBytes: spec.ramBytes > 0 ? spec.ramBytes + sleepRamBytes(worker) : null,
    cpuCores: limits.cpus && spec.cpuCores > 0 ? spec.cpuCores : null,
    maxProcesses: limits.maxProcesses,
  };
}

function submitterOf(world: World, users: Users, worker: Worker): Promise<UserToBe> {
  const [job] = worker.jobs;
  const { id } = must(job, "a command has its job");
  return users.runAs(must(world.queries.job(id), `job ${id} is not in the database`).uid);
}

/** What a shell of the user would begin with. The user's own submitted variables come over it. */
function environmentOf({ home, user, shell }: Account): Record<string, string> {
  return { HOME: home, USER: user, LOGNAME: user, SHELL: shell };
}

/** The events file is there before its program: in this folder that one could not make it. */
function giveExecFiles({ places, ...world }: World, worker: Worker, jobId: number, account: Account): void {
  const events = places.eventsFile(worker.id);
  fs.closeSync(fs.openSync(events, "a", 0o600));
  for (const file of [events, places.paramsFile(worker.id)]) giveTo(file, account);
  openOutput({ places, ...world }, jobId);
}

/** What is made in it, the socket, gets the folder's group: so admins can attach, whom its user could not name. */
function giveTerminal(world: World, users: Users, worker: Worker, account: Account): void {
  const dir = world.places.terminalDir(worker.id);
  if (!fs.existsSync(dir)) return;
  const { adminsGid } = users;
  giveTo(dir, { uid: account.uid, gid: adminsGid ?? account.gid });
  if (adminsGid !== null) fs.chmodSync(dir, 0o2710);
}
