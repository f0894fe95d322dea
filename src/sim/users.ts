import type { Dependency, NewJob, Payload, Request } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import type { NewReservation } from "../scheduler/timetable.ts";
import { unreachable } from "../std/assert.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import type { Accounts } from "./habits.ts";
import { editSpec } from "./lane-profiles.ts";
import type { SimOptions } from "./options.ts";
import type { VirtualDaemon } from "./virtual-daemon.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** People who ask for things at random. */
export interface Users {
  /** Ids of jobs whose submission was acknowledged: none of them may ever be lost. */
  readonly acknowledged: ReadonlySet<number>;
  /** Asks for one thing. */
  act(): void;
  /** Asks for so many plain jobs of every lane, in turn. */
  submitAll(perLane: number): void;
  /** Changes something about a job that is not finished. */
  edit(): void;
  /** Lets go of everything that people hold back: pins, holds and reservations; and of schedules, which never end. */
  letGo(): void;
}

interface UsersParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly host: VirtualHost;
  readonly options: SimOptions;
  readonly daemon: VirtualDaemon;
}

const payload: Payload = {
  params: {},
  command: null,
  cwd: null,
  env: null,
  summary: "",
  label: null,
  uid: 1000,
  user: "ann",
  retryOf: null,
  arrayIndex: null,
};

/** A plain job of a lane; `overrides` say what is special about it. */
export function newJob(lane: LaneSpec, overrides: Partial<NewJob> = {}): NewJob {
  return {
    lane,
    payload,
    priority: 0,
    retries: 0,
    retryDelayMs: 1_000,
    timeLimitMs: null,
    accounts: ["user:ann"],
    preemptible: false,
    estimateKey: null,
    hold: false,
    notBeforeMs: null,
    deadlineMs: null,
    after: [],
    ...overrides,
  };
}

/** Users of the lanes in `parts.options`; what they ask for is drawn from `parts.rng`. */
export function createUsers(parts: UsersParts): Users {
  const acknowledged = new Set<number>();
  const ids: number[] = [];
  const take = (id: number): void => {
    if (isRequestId(id)) return hangUpSometimes(parts, id);
    acknowledged.add(id);
    ids.push(id);
  };
  return {
    acknowledged,
    act: () =>
      parts.daemon.whenListening(() => {
        const request = chooseRequest(parts, ids);
        if (request === undefined) return;
        parts.daemon.ask(request, (reply) => {
          if (request.type === "submit" && reply.ok) for (const id of reply.ids) take(id);
          // A daemon that was told to stop is gone a little later and comes back by itself.
          if (request.type === "shut-down") parts.agenda.later(500, () => parts.daemon.crash(2_000));
        });
      }),
    submitAll(perLane) {
      const round = parts.options.lanes.map(({ spec }) => newJob(spec));
      parts.daemon.ask({ type: "submit", jobs: Array.from({ length: perLane }, () => round).flat() });
    },
    edit: () => edit(parts),
    letGo: () => letGo(parts.daemon),
  };
}

/** Some of those who wait on the line lose their patience. */
function hangUpSometimes({ rng, agenda, daemon }: UsersParts, jobId: number): void {
  if (rng.chance(0.7)) return;
  agenda.later(rng.pick([0, 10, 1_000, 20_000]), () => daemon.ask({ type: "cancel", jobId }));
}

function edit({ rng, daemon }: UsersParts): void {
  const live = [...daemon.mirror.liveJobs].filter((id) => !isRequestId(id));
  if (live.length === 0) return;
  const jobId = rng.pick(live);
  daemon.ask({ type: rng.pick(["hold", "hold", "release", "release", "release", "cancel"] as const), jobId });
}

function letGo(daemon: VirtualDaemon): void {
  const { state } = daemon;
  if (state === undefined) return;
  for (const worker of state.workers.values())
    if (worker.pinned) daemon.ask({ type: "pin-worker", workerId: worker.id, pinned: false });
  for (const { id, phase } of state.jobs.values())
    if (phase.state === "held" && phase.byPerson) daemon.ask({ type: "release", jobId: id });
  for (const reservationId of state.reservations.keys())
    daemon.ask({ type: "remove-reservation", reservationId });
  for (const scheduleId of state.schedules.keys()) daemon.ask({ type: "remove-schedule", scheduleId });
}

function chooseRequest(parts: UsersParts, jobIds: readonly number[]): Request | undefined {
  const { rng } = parts;
  const draw = rng.next();
  if (draw < 0.58 || jobIds.length === 0) return submission(parts, jobIds);
  // Mostly of the younger jobs, since old ones are finished.
  const jobId = rng.pick(jobIds.slice(rng.chance(0.8) ? -12 : 0));
  if (draw < 0.66) return { type: "cancel", jobId };
  if (draw < 0.7) return { type: "hold", jobId };
  if (draw < 0.74) return { type: "release", jobId };
  if (draw < 0.81) return startWorker(parts);
  if (draw < 0.9) return aboutWorker(parts);
  if (draw < 0.995) return extraRequest(parts, jobId);
  return { type: "shut-down", mode: rng.pick(["leave", "drain", "kill"] as const) };
}

function submission(parts: UsersParts, jobIds: readonly number[]): Request {
  const { rng, options } = parts;
  const accounts = rng.pick(options.habits.users);
  const count = rng.pick([1, 1, 1, 2, 6]);
  if (count > 1 && rng.chance(options.habits.array)) {
    const job = chooseJob(parts, jobIds, accounts);
    const array = { maxActive: rng.pick([null, 1, 2, 3]) };
    if (job.isRequest === true) return { type: "submit", jobs: [job] };
    return { type: "submit", jobs: Array.from({ length: count }, () => job), array };
  }
  return { type: "submit", jobs: Array.from({ length: count }, () => chooseJob(parts, jobIds, accounts)) };
}

function chooseJob(parts: UsersParts, jobIds: readonly number[], accounts: Accounts): NewJob {
  const { rng, options, agenda } = parts;
  const { habits } = options;
  const { spec } = rng.pick(options.lanes);
  if (spec.residency === "resident" && habits.request > 0 && rng.chance(habits.request))
    return newJob(spec, { accounts, priority: rng.pick([0, 0, 5]), isRequest: true });
  const isTimed = rng.chance(0.2);
  return newJob(rng.chance(0.03) ? editSpec(rng, spec) : spec, {
    accounts,
    priority: rng.pick([0, 0, 0, 0, 5, -5]),
    retries: rng.pick([0, 0, 1, 2]),
    retryDelayMs: rng.pick(habits.retryDelaysMs),
    timeLimitMs: isTimed ? rng.pick([500, 2_000, 10_000]) : null,
    preemptible: rng.chance(habits.preemptible),
    estimateKey: rng.chance(0.2) ? rng.pick(["short", "long"]) : null,
    hold: rng.chance(0.06),
    notBeforeMs: rng.chance(habits.begin) ? agenda.nowMs + rng.pick([0, 1_000, 20_000]) : null,
    deadlineMs: rng.chance(habits.deadline) ? agenda.nowMs + rng.pick([1_000, 10_000, 60_000]) : null,
    after: rng.chance(habits.after) ? chooseDependencies(parts, jobIds) : [],
  });
}

function chooseDependencies({ rng, daemon }: UsersParts, jobIds: readonly number[]): Dependency[] {
  if (jobIds.length === 0) return [];
  const ids = new Set(Array.from({ length: rng.pick([1, 1, 2]) }, () => rng.pick(jobIds.slice(-8))));
  return [...ids].map((jobId) => ({
    jobId,
    condition: rng.pick(["succeeded", "succeeded", "any", "failed"] as const),
    outcome: daemon.mirror.jobs.get(jobId)?.end?.state ?? "live",
  }));
}

function startWorker({ rng, options, host }: UsersParts): Request | undefined {
  const residents = residentsOf(options);
  if (residents.length === 0) return undefined;
  const gpu = rng.chance(0.5) ? rng.pick([...host.gpus.keys()]) : null;
  return { type: "start-worker", lane: rng.pick(residents), gpu, evict: rng.chance(0.5) };
}

function residentsOf({ lanes }: SimOptions): LaneSpec[] {
  return lanes.map(({ spec }) => spec).filter(({ residency }) => residency === "resident");
}

function canSleep({ lanes }: SimOptions): boolean {
  return lanes.some(({ spec }) => spec.sleep !== null);
}

function aboutWorker({ rng, daemon, options }: UsersParts): Request | undefined {
  const ids = [...(daemon.state?.workers.keys() ?? [])];
  if (ids.length === 0) return undefined;
  const workerId = rng.pick(ids);
  if (canSleep(options) && rng.chance(0.3))
    return { type: rng.pick(["sleep-worker", "wake-worker"] as const), workerId };
  if (rng.chance(0.4)) return { type: "stop-worker", workerId, force: rng.chance(0.5) };
  return { type: "pin-worker", workerId, pinned: rng.chance(0.5) };
}

/** What only some worlds know. */
function extraRequest(parts: UsersParts, jobId: number): Request | undefined {
  const { rng, options, agenda, daemon } = parts;
  const { extras } = options.habits;
  if (extras.length === 0) return undefined;
  const kind = rng.pick(extras);
  switch (kind) {
    case "change":
      return { type: "change-job", jobId, change: chooseChange(parts) };
    case "preload":
    case "home":
    case "forget":
      return aboutLanes(parts, kind);
    case "eta":
      daemon.report({ type: "eta-given", jobId, etaMs: agenda.nowMs + rng.below(60_000) });
      return undefined;
    case "reserve":
      return { type: "add-reservation", reservation: chooseReservation(parts) };
    case "unreserve": {
      const ids = [...(daemon.state?.reservations.keys() ?? [])];
      return ids.length === 0 ? undefined : { type: "remove-reservation", reservationId: rng.pick(ids) };
    }
    default:
      return unreachable(kind);
  }
}

/** Fewer retries than a job has had already would be no mistake of the scheduler. */
function chooseChange({
  rng,
  agenda,
  options,
}: UsersParts): Extract<Request, { type: "change-job" }>["change"] {
  return rng.pick([
    { priority: rng.pick([0, 5, -5]) },
    { retries: 2, timeLimitMs: rng.pick([null, 2_000]) },
    { notBeforeMs: rng.pick([null, agenda.nowMs + 5_000]) },
    { deadlineMs: rng.pick([null, agenda.nowMs + 500, agenda.nowMs + 20_000]) },
    { work: { lane: rng.pick(options.lanes).spec, estimateKey: null, params: {}, summary: "" } },
  ]);
}

function aboutLanes({ rng, options }: UsersParts, kind: "preload" | "home" | "forget"): Request | undefined {
  const residents = residentsOf(options);
  if (residents.length === 0) return undefined;
  const lane = rng.pick(residents);
  if (kind === "preload") return { type: "preload", lane };
  if (kind === "forget") return { type: "forget-learned", runtime: lane.runtime };
  // Cores and memory that are kept for ever could be what others wait for.
  const isCheap = lane.cpuCores + lane.ramBytes === 0;
  const lanes = isCheap && rng.chance(0.7) ? [{ ...lane, minReplicas: rng.pick([1, 1, 2]) }] : [];
  return { type: "declare-home", lanes };
}

function chooseReservation({ rng, options, agenda, host }: UsersParts): NewReservation {
  const startAtMs = agenda.nowMs + rng.pick([-1_000, 1_000, 10_000]);
  return {
    name: "class",
    startAtMs,
    endAtMs: startAtMs + rng.pick([5_000, 20_000]),
    accounts: [rng.pick(rng.pick(options.habits.users))],
    uid: 1000,
    user: "ann",
    count: 1,
    gpus: rng.chance(0.3) ? [rng.pick([...host.gpus.keys()])] : null,
  };
}
