import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { revoke, waitForPidRecord } from "./control-folder.ts";
import type { Engine, Exit, ProcessIdentity, Remains } from "./engine.ts";
import { readExitRecord, recordLost } from "./exit-record.ts";
import { identityOf, isAlive, readStat, sendSignal } from "./identity.ts";
import type { Labels } from "./labels.ts";
import { readLabels } from "./labels.ts";
import type { Belonging } from "./members.ts";
import { membersOf } from "./members.ts";
import type { ProcessTable } from "./process-table.ts";
import { createProcessTable } from "./process-table.ts";
import { startSupervised } from "./supervise.ts";
import { killOnce, killUntilGone } from "./terminate.ts";
import type { OwnChild, Tracked } from "./tracked.ts";
import { track } from "./tracked.ts";

/** How long a supervisor may take to record the end of a killed program before it is killed too. */
const SUPERVISOR_GRACE_MS = 1_000;
const STOP_POLL_MS = 50;

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

/**
 * TERM to all of the worker's processes, then at the deadline KILL to all but the supervisor, which records what
 * happened and ends; if it does not (it was stopped), it is killed as well. A second call joins the first and can
 * only bring its deadline forward.
 */
async function stop(tracked: Tracked, graceMs: number, table: ProcessTable, clock: Clock): Promise<Exit> {
  const { identity } = tracked;
  const stopAtMs = clock.monotonicMs() + graceMs;
  if (tracked.stopAtMs !== null) tracked.stopAtMs = Math.min(tracked.stopAtMs, stopAtMs);
  if (tracked.stopAtMs !== null || !isAlive(identity)) return tracked.gone;
  tracked.stopAtMs = stopAtMs;
  sendSignal(identity, "SIGTERM", "group");
  // A stopped program gets to see its TERM only when it is continued.
  sendSignal(identity, "SIGCONT", "group");
  const belonging = await tracked.belonging;
  await signalOutsiders(belonging, table);
  let isGone = false;
  const gone = tracked.gone.finally(() => {
    isGone = true;
  });
  while (!isGone) {
    const leftMs = tracked.stopAtMs - clock.monotonicMs();
    // Once the supervisor is gone, track() waits for the deadline and kills what is left.
    if (leftMs <= 0 && isAlive(identity)) {
      const spare = leftMs > -SUPERVISOR_GRACE_MS ? identity : null;
      await killOnce({ belonging, spare }, table);
    }
    await Promise.race([gone, sleep(leftMs > 0 ? Math.min(leftMs, STOP_POLL_MS) : STOP_POLL_MS)]);
  }
  return gone;
}

/** TERM also to those that left the group, so that a stop need not wait out its grace for them. */
async function signalOutsiders(belonging: Belonging, table: ProcessTable): Promise<void> {
  const rows = await table.read().catch(() => []);
  for (const member of membersOf(rows, belonging)) {
    if (member.groupId !== belonging.supervisor?.pid) sendSignal(identityOf(member), "SIGTERM");
  }
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
    { belonging: { labels, supervisor: null }, spare: null, killAtMs: () => 0 },
    table,
    clock,
  );
  const exit = readExitRecord(dir) ?? recordLost(dir, "its supervisor was killed, or the host went down");
  return { kind: "exited", exit };
}

/** A pid file without its line: the disk was full (then nothing ran), or somebody emptied it. */
async function inspectWithoutPid(labels: Labels, table: ProcessTable): Promise<Remains> {
  const members = membersOf(await table.read(), { labels, supervisor: null });
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
  const rows = (await table.read()).toSorted((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
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
  await killUntilGone({ belonging, spare: null, killAtMs: () => 0 }, table, clock);
}
