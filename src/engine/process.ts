import type { Clock } from "../std/clock.ts";
import { type Cgroup, type Cgroups, readCgroup } from "./cgroup.ts";
import { revoke, waitForPidRecord } from "./control-folder.ts";
import type { Engine, ProcessIdentity, Remains } from "./engine.ts";
import { readExitRecord, recordLost, withMemoryLimit } from "./exit-record.ts";
import { identityOf, isAlive, readStat } from "./identity.ts";
import type { Labels } from "./labels.ts";
import { readLabels } from "./labels.ts";
import { membersOf } from "./members.ts";
import type { ProcessTable } from "./process-table.ts";
import { createProcessTable } from "./process-table.ts";
import { stop } from "./stop.ts";
import { startSupervised } from "./supervise.ts";
import { killUntilGone } from "./terminate.ts";
import type { OwnChild, Tracked } from "./tracked.ts";
import { SUPERVISOR_LOST, track } from "./tracked.ts";

export interface ProcessEngineOptions {
  /** Names this daemon's state directory; programs carry it as ORCH_INSTANCE. */
  readonly instanceId: string;
  readonly clock: Clock;
  /** Null = workers get no cgroup, and are known by labels, sessions and descent alone. */
  readonly cgroups?: Cgroups | null;
}

/**
 * Runs programs as plain processes of this host. Each has a supervisor (see supervise.ts), so it survives the
 * daemon and its exit code is known to the next one.
 */
export function createProcessEngine({ instanceId, clock, cgroups = null }: ProcessEngineOptions): Engine {
  const table = createProcessTable(clock);
  const running = new Map<string, Tracked>();

  const follow = (dir: string, identity: ProcessIdentity, own: OwnChild | null): Tracked => {
    const known = running.get(keyOf(identity));
    if (known !== undefined) return known;
    const tracked = track({ dir, identity, own, instanceId, table, clock });
    running.set(keyOf(identity), tracked);
    // Later questions are answered by the exit record.
    void tracked.gone.then(() => running.delete(keyOf(identity)));
    return tracked;
  };

  return {
    name: "process",
    async start(launch) {
      const { child, identity } = await startSupervised(launch, instanceId, cgroups);
      follow(launch.dir, identity, { child, workerId: launch.workerId });
      return identity;
    },
    exited: (dir, identity) => follow(dir, identity, null).gone,
    ensureStopped: (dir, identity, graceMs) => stop(follow(dir, identity, null), graceMs, table, clock),
    async members(dir, identity) {
      const belonging = await follow(dir, identity, null).belonging;
      return membersOf(await table.read(null), belonging).map(({ pid }) => pid);
    },
    inspect: (dir, workerId) => inspect(dir, { workerId, instanceId }, table, clock),
    labelled: async (wantedInstanceId) => findLabelled(wantedInstanceId, table, cgroups),
    kill: (identity) => kill(identity, table, clock, cgroups),
  };
}

function keyOf(identity: ProcessIdentity): string {
  return `${identity.bootId} ${identity.pid} ${identity.startTicks}`;
}

async function inspect(dir: string, labels: Labels, table: ProcessTable, clock: Clock): Promise<Remains> {
  if (revoke(dir)) return { kind: "never-started" };
  const record = await waitForPidRecord(dir);
  const cgroup = readCgroup(dir);
  if (record === null) return inspectWithoutPid(labels, cgroup, table);
  const stat = readStat(record.pid);
  // The pid alone may be anybody's by now; the labels in its environment cannot be.
  const found = stat === null ? null : readLabels(stat.pid);
  if (stat !== null && found?.workerId === labels.workerId && found.instanceId === labels.instanceId) {
    const identity = identityOf(stat);
    if (isAlive(identity) && stat.sessionId === stat.pid) return { kind: "running", identity };
  }
  await killUntilGone(
    { belonging: { labels, supervisor: null, cgroup }, spare: null, sincePid: null, killAtMs: () => 0 },
    table,
    clock,
  );
  const limitBytes = cgroup?.killedAtBytes() ?? null;
  cgroup?.remove();
  const exit = readExitRecord(dir) ?? recordLost(dir, SUPERVISOR_LOST);
  return { kind: "exited", exit: withMemoryLimit(exit, limitBytes) };
}

/** A pid file without its line: the disk was full (then nothing ran), or somebody emptied it. */
async function inspectWithoutPid(
  labels: Labels,
  cgroup: Cgroup | null,
  table: ProcessTable,
): Promise<Remains> {
  const members = membersOf(await table.read(null), { labels, supervisor: null, cgroup });
  const supervisor = members.find((member) => member.pid === member.sessionId);
  return supervisor === undefined
    ? { kind: "never-started" }
    : { kind: "running", identity: identityOf(supervisor) };
}

/** One identity per worker: its supervisor, or the oldest process that is left of it. */
async function findLabelled(
  instanceId: string,
  table: ProcessTable,
  cgroups: Cgroups | null,
): Promise<{ workerId: number; identity: ProcessIdentity }[]> {
  const oldest = new Map<number, { workerId: number; identity: ProcessIdentity }>();
  const rows = (await table.read(null)).toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  const byPid = new Map(
    (cgroups?.all() ?? []).flatMap(({ workerId, cgroup }) => cgroup.pids().map((pid) => [pid, workerId])),
  );
  for (const row of rows) {
    const labelled = row.labels?.instanceId === instanceId ? row.labels.workerId : undefined;
    const workerId = labelled ?? byPid.get(row.pid);
    if (workerId === undefined || row.pid === process.pid || oldest.has(workerId)) continue;
    oldest.set(workerId, { workerId, identity: identityOf(row) });
  }
  return [...oldest.values()];
}

async function kill(
  identity: ProcessIdentity,
  table: ProcessTable,
  clock: Clock,
  cgroups: Cgroups | null,
): Promise<void> {
  if (!isAlive(identity)) return;
  const labels = readLabels(identity.pid);
  const found = cgroups
    ?.all()
    .find(({ workerId, cgroup }) => workerId === labels?.workerId || cgroup.pids().includes(identity.pid));
  const cgroup = found?.cgroup ?? null;
  const belonging = { labels, supervisor: identity, cgroup };
  await killUntilGone({ belonging, spare: null, sincePid: null, killAtMs: () => 0 }, table, clock);
  cgroup?.remove();
}
