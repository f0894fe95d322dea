import { assert } from "../std/assert.ts";
import { createRng, type Rng } from "../std/rng.ts";
import { type Agenda, createAgenda } from "./agenda.ts";
import { createDiary, type Diary, note } from "./diary.ts";
import { noFaults, type SimOptions } from "./options.ts";
import { chooseScheduleRequest } from "./schedule-keepers.ts";
import { clearAll, fallSick, mend } from "./sick-gpus.ts";
import { createUsers, type Users } from "./users.ts";
import { createDaemon, type VirtualDaemon } from "./virtual-daemon.ts";
import { createHost, type VirtualHost } from "./virtual-host.ts";
import { drawMs } from "./virtual-machine.ts";

/** A host, a daemon and its users in virtual time. */
export interface World {
  readonly host: VirtualHost;
  readonly daemon: VirtualDaemon;
  readonly users: Users;
  readonly nowMs: number;
  /** Does what happens next. @returns false when nothing ever will. */
  next(): boolean;
  /** Ends all faults and requests, lets go of what people held back, and brings the daemon up. */
  heal(): void;
  /** Jobs that are neither finished nor lost sight of. */
  unfinished(): number[];
}

/** Virtual time at the beginning of every world. Milliseconds since the Unix epoch. */
export const START_MS = 1_700_000_000_000;
const SAMPLE_EVERY_MS = 2_000;

interface Parts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly host: VirtualHost;
  readonly daemon: VirtualDaemon;
  readonly users: Users;
  readonly options: SimOptions;
  readonly diary: Diary;
  isHealed: boolean;
}

/** The world of a seed at its first moment. Equal seeds and options give equal worlds, for ever. */
export function createWorld(seed: number, options: SimOptions, diary: Diary = createDiary(true)): World {
  const rng = createRng(seed);
  const agenda = createAgenda(START_MS);
  const host = createHost(agenda, rng, options);
  const daemon = createDaemon({ agenda, rng, host, options, diary }, seed);
  const users = createUsers({ agenda, rng, host, options, daemon });
  const parts: Parts = { agenda, rng, host, daemon, users, options, diary, isHealed: false };
  scheduleAll(parts);
  return {
    host,
    daemon,
    users,
    get nowMs() {
      return agenda.nowMs;
    },
    next: agenda.next,
    heal: () => heal(parts),
    unfinished: () => unfinished(parts),
  };
}

function scheduleAll(parts: Parts): void {
  const { options, host, users } = parts;
  sample(parts);
  if (options.backlogPerLane > 0) users.submitAll(options.backlogPerLane);
  repeat(parts, options.requestEveryMs, users.act);
  repeat(parts, options.editEveryMs, users.edit);
  repeat(parts, options.scheduleEveryMs, () => {
    const { rng, daemon } = parts;
    daemon.ask(chooseScheduleRequest({ rng, options, state: daemon.state }));
  });
  repeat(parts, options.faults.gpuLostEveryMs, () => loseGpu(parts));
  repeat(parts, options.faults.foreignEveryMs, () => {
    const gpu = parts.rng.pick([...host.gpus.values()]);
    gpu.foreignBytes = parts.rng.pick([0, 0, 0.1, 0.5, 0.95]) * gpu.totalBytes;
    parts.daemon.sample();
    note(parts.diary, "foreign-memory");
  });
  repeat(parts, options.faults.driverHangsEveryMs, () => hangDriver(parts));
  repeat(parts, options.faults.gpuSickEveryMs, () => {
    fallSick(parts.rng, host);
    note(parts.diary, "gpu-sick");
    parts.daemon.sample();
  });
  repeat(parts, options.faults.mendEveryMs, () =>
    mend(host, parts.daemon, parts.rng.pick([...host.gpus.values()])),
  );
  const { daemonCrash, diskFullEveryMs } = options.faults;
  repeat(parts, daemonCrash === 0 ? null : diskFullEveryMs, () =>
    parts.daemon.fillDisk(drawMs(parts.rng, 5_000)),
  );
  repeat(parts, options.faults.clockSetEveryMs, () =>
    parts.daemon.setClock(parts.rng.pick([-20_000, -1_500, 1_500, 30_000, 600_000])),
  );
}

/** Does something at random intervals of `meanMs` until the world is healed. */
function repeat(parts: Parts, meanMs: number | null, act: () => void): void {
  if (meanMs === null) return;
  parts.agenda.later(drawMs(parts.rng, meanMs * 2), () => {
    if (parts.isHealed) return;
    act();
    repeat(parts, meanMs, act);
  });
}

function sample(parts: Parts): void {
  parts.daemon.sample();
  parts.agenda.later(SAMPLE_EVERY_MS, () => sample(parts));
}

function loseGpu(parts: Parts): void {
  const gpu = parts.rng.pick([...parts.host.gpus.values()]);
  gpu.healthy = !gpu.healthy;
  note(parts.diary, "gpu-lost");
  parts.daemon.sample();
  parts.agenda.later(drawMs(parts.rng, 15_000), () => {
    gpu.healthy = true;
    parts.daemon.sample();
  });
}

/** The driver answers nobody for a while. What it was asked first it answers late, just before it is itself again. */
function hangDriver({ agenda, rng, host, daemon, diary }: Parts): void {
  if (host.driverHangs) return;
  note(diary, "driver-hangs");
  const before = host.see();
  host.driverHangs = true;
  agenda.later(drawMs(rng, rng.pick([3_000, 60_000])), () => {
    if (!host.driverHangs) return;
    host.driverHangs = false;
    if (rng.chance(0.5)) daemon.seeLate(before);
    daemon.sample();
  });
}

function heal(parts: Parts): void {
  parts.isHealed = true;
  parts.host.faults = noFaults;
  parts.host.driverHangs = false;
  parts.daemon.fillDisk(0);
  for (const gpu of parts.host.gpus.values()) {
    gpu.foreignBytes = 0;
    mend(parts.host, parts.daemon, gpu);
  }
  parts.daemon.sample();
  settle(parts);
}

/** Lets go of pins, holds and quarantines again and again: the last requests may still be on their way, or the daemon down. */
function settle(parts: Parts): void {
  parts.users.letGo();
  clearAll(parts.host, parts.daemon);
  parts.agenda.later(SAMPLE_EVERY_MS, () => settle(parts));
}

function unfinished({ daemon, users }: Parts): number[] {
  for (const id of users.acknowledged) assert(daemon.mirror.jobs.has(id), `acknowledged job ${id} is lost`);
  return [...daemon.mirror.liveJobs];
}
