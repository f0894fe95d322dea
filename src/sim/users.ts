import type { NewJob, Payload, Request } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
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
  /** Lets go of everything that people hold back: pins and holds. */
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
};

/** A plain job of a lane; `overrides` say what is special about it. */
export function newJob(lane: LaneSpec, overrides: Partial<NewJob> = {}): NewJob {
  return {
    lane,
    payload,
    priority: 0,
    retries: 0,
    timeLimitMs: null,
    hold: false,
    after: [],
    ...overrides,
  };
}

/** Users of the lanes in `parts.options`; what they ask for is drawn from `parts.rng`. */
export function createUsers(parts: UsersParts): Users {
  const acknowledged = new Set<number>();
  return {
    acknowledged,
    act() {
      if (parts.daemon.state === undefined) return;
      const request = chooseRequest(parts, [...acknowledged]);
      if (request === undefined) return;
      parts.daemon.ask(request, (reply) => {
        if (request.type === "submit" && reply.ok) for (const id of reply.ids) acknowledged.add(id);
        // A daemon that was told to stop is gone a little later and comes back by itself.
        if (request.type === "shut-down") parts.agenda.later(500, () => parts.daemon.crash(2_000));
      });
    },
    letGo: () => letGo(parts.daemon),
  };
}

function letGo(daemon: VirtualDaemon): void {
  for (const worker of daemon.state?.workers.values() ?? []) {
    if (worker.pinned) daemon.ask({ type: "pin-worker", workerId: worker.id, pinned: false });
  }
  for (const job of daemon.state?.jobs.values() ?? []) {
    const isHeld = job.phase.state === "held" && job.phase.byPerson;
    if (isHeld) daemon.ask({ type: "release", jobId: job.id });
  }
}

function chooseRequest(parts: UsersParts, jobIds: readonly number[]): Request | undefined {
  const { rng } = parts;
  const draw = rng.next();
  if (draw < 0.6 || jobIds.length === 0) return submission(parts, jobIds);
  // Mostly of the younger jobs, since old ones are finished.
  const jobId = rng.pick(jobIds.slice(rng.chance(0.8) ? -12 : 0));
  if (draw < 0.7) return { type: "cancel", jobId };
  if (draw < 0.74) return { type: "hold", jobId };
  if (draw < 0.78) return { type: "release", jobId };
  if (draw < 0.86) return startWorker(parts);
  if (draw < 0.995) return aboutWorker(parts);
  return { type: "shut-down", mode: rng.pick(["leave", "drain", "kill"] as const) };
}

function submission(parts: UsersParts, jobIds: readonly number[]): Request {
  const count = parts.rng.pick([1, 1, 1, 2, 6]);
  return { type: "submit", jobs: Array.from({ length: count }, () => chooseJob(parts, jobIds)) };
}

function chooseJob(parts: UsersParts, jobIds: readonly number[]): NewJob {
  const { rng, options, daemon } = parts;
  const { spec } = rng.pick(options.lanes);
  const after = rng.chance(0.15) && jobIds.length > 0 ? [rng.pick(jobIds.slice(-8))] : [];
  return newJob(rng.chance(0.03) ? editSpec(rng, spec) : spec, {
    priority: rng.pick([0, 0, 0, 0, 5, -5]),
    retries: rng.pick([0, 0, 1, 2]),
    timeLimitMs: rng.chance(0.2) ? rng.pick([500, 2_000, 10_000]) : null,
    hold: rng.chance(0.06),
    after: after.map((jobId) => ({
      jobId,
      outcome: daemon.mirror.jobs.get(jobId)?.end?.state ?? "live",
    })),
  });
}

function startWorker({ rng, options, host }: UsersParts): Request | undefined {
  const residents = options.lanes.filter((lane) => lane.spec.residency === "resident");
  if (residents.length === 0) return undefined;
  const gpu = rng.chance(0.5) ? rng.pick([...host.gpus.keys()]) : null;
  return { type: "start-worker", lane: rng.pick(residents).spec, gpu, evict: rng.chance(0.5) };
}

function aboutWorker({ rng, daemon }: UsersParts): Request | undefined {
  const ids = [...(daemon.state?.workers.keys() ?? [])];
  if (ids.length === 0) return undefined;
  const workerId = rng.pick(ids);
  if (rng.chance(0.4)) return { type: "stop-worker", workerId, force: rng.chance(0.5) };
  return { type: "pin-worker", workerId, pinned: rng.chance(0.5) };
}
