import type { Clock } from "../std/clock.ts";
import { revoke, waitForPidRecord } from "./control-folder.ts";
import type { Engine, ProcessIdentity, Remains } from "./engine.ts";
import { readExitRecord, recordLost } from "./exit-record.ts";
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
}

/**
 * Runs programs as plain processes of this host. Each has a supervisor (see supervise.ts), so it survives the
 * daemon and its exit code is known to the next one.
 */
export function createProcessEngine({ instanceId, clock }: ProcessEngineOptions): Engine {
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
      const { child, identity } = await startSupervised(launch, instanceId);
      follow(launch.dir, identity, { child, workerId: launch.workerId });
      return identity;
    },
    exited: (dir, identity) => follow(dir, identity, null).gone,
    ensureStopped: (dir, identity, graceMs) => stop(follow(dir, identity, null), graceMs, table, clock),
    inspect: (dir, workerId) => inspect(dir, { workerId, instanceId }, table, clock),
    labelled: async (wantedInstanceId) => findLabelled(wantedInstanceId, table),
    kill: (identity) => kill(identity, table, clock),
  };
}

function keyOf(identity: ProcessIdentity): string {
  return `${identity.bootId} ${identity.pid} ${identity.startTicks}`;
}

async function inspect(dir: string, labels: Labels, table: ProcessTable, clock: Clock): Promise<Remains> {
  if (revoke(dir)) return { kind: "never-started" };
  const record = await waitForPidRecord(dir);
  if (record === null) return inspectWithoutPid(labels, table);
  const stat = readStat(record.pid);
  // The pid alone may be anybody's by now; the labels in its environment cannot be.
  const found = stat === null ? null : readLabels(stat.pid);
  if (stat !== null && found?.workerId === labels.workerId && found.instanceId === labels.instanceId) {
    const identity = identityOf(stat);
    if (isAlive(identity) && stat.sessionId === stat.pid) return { kind: "running", identity };
  }
  await killUntilGone(
    { belonging: { labels, supervisor: null }, spare: null, sincePid: null, killAtMs: () => 0 },
    table,
    clock,
  );
  const exit = readExitRecord(dir) ?? recordLost(dir, SUPERVISOR_LOST);
  return { kind: "exited", exit };
}

/** A pid file without its line: the disk was full (then nothing ran), or somebody emptied it. */
async function inspectWithoutPid(labels: Labels, table: ProcessTable): Promise<Remains> {
  const members = membersOf(await table.read(null), { labels, supervisor: null });
  const supervisor = members.find((member) => member.pid === member.sessionId);
  return supervisor === undefined
    ? { kind: "never-started" }
    : { kind: "running", identity: identityOf(supervisor) };
}

/** One identity per worker: its supervisor, or the oldest process that is left of it. */
async function findLabelled(
  instanceId: string,
  table: ProcessTable,
): Promise<{ workerId: number; identity: ProcessIdentity }[]> {
  const oldest = new Map<number, { workerId: number; identity: ProcessIdentity }>();
  const rows = (await table.read(null)).toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
  for (const row of rows) {
    const workerId = row.labels?.instanceId === instanceId ? row.labels.workerId : undefined;
    if (workerId === undefined || row.pid === process.pid || oldest.has(workerId)) continue;
    oldest.set(workerId, { workerId, identity: identityOf(row) });
  }
  return [...oldest.values()];
}

async function kill(identity: ProcessIdentity, table: ProcessTable, clock: Clock): Promise<void> {
  if (!isAlive(identity)) return;
  const belonging = { labels: readLabels(identity.pid), supervisor: identity };
  await killUntilGone({ belonging, spare: null, sincePid: null, killAtMs: () => 0 }, table, clock);
}
