import type { OpenRequest, RequestAsk, RequestDesk, Standing, Turn } from "../../gateway/request-port.ts";
import { TooMany } from "../../gateway/too-many.ts";
import type { Context } from "../../operations/context.ts";
import { refuseOtherRuntime } from "../../operations/key-limits.ts";
import { emptyPayload, laneSpecOf, usableRuntime } from "../../operations/new-job.ts";
import { treatmentOf } from "../../operations/treatment.ts";
import { JobOptions } from "../../protocol/inputs.ts";
import { checkLoadParams } from "../../runtime/load-params.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Effect } from "../../scheduler/effects.ts";
import type { NewJob } from "../../scheduler/events.ts";
import type { LaneSpec } from "../../scheduler/model.ts";
import { isRequestId } from "../../scheduler/request-jobs.ts";
import type { JobEnd } from "../../scheduler/transition.ts";
import { type Deferred, deferred } from "../../std/deferred.ts";
import { Failure } from "../../std/failure.ts";
import type { World } from "../world.ts";
import { servedModel, servedModels } from "./models.ts";
import { createStandings, type Standings } from "./standing.ts";
import { outcomeOf, takeTurn } from "./turn.ts";

/** The requests, as the daemon has to do with them. */
export interface Desk extends RequestDesk {
  /** How a job stands that is none of the requests. */
  readonly standingOf: Standings["of"];
  /** Effects of the scheduler about a request. */
  perform(effect: Extract<Effect, { type: "run-job" | "cancel-job" }>): Promise<void>;
  /** What a step has ended; others than requests are passed over. */
  tellEnded(ended: readonly JobEnd[]): void;
  /** The state has been rebuilt from the database, where no requests are. */
  loseAll(): void;
}

interface Parts {
  readonly ctx: () => Context;
  readonly world: () => World;
  /** Requests that may wait in one lane. */
  readonly maxWaiting: number;
}

interface Entry {
  readonly jobId: number;
  readonly laneKey: string;
  readonly signal: AbortSignal;
  /** What is over is not to be cancelled by the end of its answer. */
  readonly forget: () => void;
  isWaiting: boolean;
  /** What the next call of `next` gets. */
  outcome: Deferred<Turn>;
}

/** A worker whose request was given up says so itself, or is taken to be done with it after this long. */
const GIVE_UP_MS = 5_000;

/** Takes requests in, and tells them when it is their turn. */
export function createDesk({ ctx, world, maxWaiting }: Parts): Desk {
  const open = new Map<number, Entry>();
  const standings = createStandings(world);
  let count = 0;
  const refuseFull = (spec: LaneSpec): void => {
    let waiting = 0;
    for (const entry of open.values()) if (entry.isWaiting && entry.laneKey === spec.key) waiting += 1;
    if (waiting < maxWaiting) return;
    const text = `${waiting} requests wait for ${spec.title} already`;
    throw new TooMany("request/too-many", text, standings.clearsInMs(spec, waiting));
  };
  const leave = (jobId: number): void => {
    // Refused: it has ended meanwhile, or the daemon is stopping and all ends.
    void ctx()
      .ask({ type: "cancel", jobId })
      .catch(() => undefined);
  };
  const lose = (entry: Entry, failure: Failure): void => {
    open.delete(entry.jobId);
    entry.outcome.reject(failure);
  };
  return {
    models: (caller) => servedModels(world(), caller),
    standingOf: standings.of,
    model: (name, caller) => servedModel(world(), name, caller),
    async enter(ask) {
      const job = await newRequest(ctx(), ask);
      refuseFull(job.lane);
      refuseBroken(world(), job.lane);
      ask.caller.key?.charge(1);
      const [jobId = 0] = await ctx().ask({ type: "submit", jobs: [job] });
      const { signal } = ask;
      const onAbort = (): void => leave(jobId);
      const forget = (): void => signal.removeEventListener("abort", onAbort);
      const laneKey = job.lane.key;
      const entry: Entry = { jobId, laneKey, signal, forget, isWaiting: true, outcome: deferred() };
      open.set(jobId, entry);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      count += 1;
      return openRequest(`r-${count}`, entry, () => standings.of(jobId));
    },
    async perform(effect) {
      const { jobId } = effect;
      if (effect.type === "cancel-job") return giveUpLater(world, jobId);
      const turn = await takeTurn(world(), effect, () => open.get(jobId)?.signal.aborted ?? true);
      if (turn === null) return;
      // Not looked up before: the turn of one that needs not wait comes with the answer to `enter`.
      const entry = open.get(jobId);
      if (entry === undefined || entry.signal.aborted) return turn.end("failed");
      entry.isWaiting = false;
      entry.outcome.resolve(turn);
    },
    tellEnded(ended) {
      for (const { job, state, reason } of ended) {
        const entry = isRequestId(job.id) ? open.get(job.id) : undefined;
        if (entry === undefined) continue;
        open.delete(job.id);
        if (state !== "succeeded") entry.outcome.reject(endFailure(state, reason));
      }
      if (world().state().stopping)
        for (const entry of open.values()) if (entry.isWaiting) lose(entry, stopping());
    },
    loseAll() {
      for (const entry of open.values()) lose(entry, begunAnew());
    },
  };
}

function openRequest(id: string, entry: Entry, standing: () => Standing | null): OpenRequest {
  return {
    id,
    async next() {
      const turn = await entry.outcome.promise;
      // The next turn is another one's, should this be lost.
      entry.outcome = deferred();
      return {
        ...turn,
        end(outcome) {
          if (outcome === "lost") entry.isWaiting = true;
          else entry.forget();
          turn.end(outcome);
        },
      };
    },
    standing: () => (entry.isWaiting ? standing() : null),
  };
}

/** What most requests ask for beside their worker: nothing. */
const usual = JobOptions.parse({});

/** The lanes of a runtime by the params that a model's name stands for, as long as both are the objects that they were. */
const lanes = new WeakMap<Runtime, WeakMap<RequestAsk["params"], LaneSpec>>();

/** Thousands of requests a second ask for the same. What a file says is looked at each time. @throws Failure as checkParams */
function laneFor(runtime: Runtime, given: RequestAsk["params"]): LaneSpec {
  const readsFiles = Object.values(runtime.params).some(({ type, load }) => load && type === "file");
  const known = lanes.get(runtime) ?? new WeakMap<RequestAsk["params"], LaneSpec>();
  const lane =
    (readsFiles ? undefined : known.get(given)) ?? laneSpecOf(runtime, checkLoadParams(runtime, given));
  lanes.set(runtime, known.set(given, lane));
  return lane;
}

/** The job that a request is. @throws Failure of many kinds */
async function newRequest(ctx: Context, ask: RequestAsk): Promise<NewJob> {
  const { caller, keepAliveMs } = ask;
  const runtime = usableRuntime(ctx, ask.runtime);
  if (runtime.protocol === "exec")
    throw new Failure(
      "runtime/invalid",
      `${runtime.name} runs a program for each job and serves no requests`,
      {
        hint: `orch submit ${runtime.name}`,
      },
    );
  refuseOtherRuntime(caller, runtime.name);
  await ctx.groups.know(caller);
  const options = ask.priority === undefined ? usual : JobOptions.parse({ priority: ask.priority });
  const lane = laneFor(runtime, ask.params);
  return {
    lane: keepAliveMs === undefined ? lane : { ...lane, keepAliveMs },
    payload: {
      summary: ask.summary,
      label: null,
      labels: {},
      uid: caller.uid,
      user: caller.user,
      correlation: caller.correlation ?? null,
      ...emptyPayload,
    },
    estimateKey: null,
    isRequest: true,
    ...treatmentOf(ctx, options, caller, runtime.timeouts.jobMs),
  };
}

/** A lane that waits after failed starts says so at once. */
function refuseBroken(world: World, { key, title }: LaneSpec): void {
  const lane = world.state().lanes.get(key);
  const nowMs = world.clock.nowMs();
  if (lane === undefined || lane.startFailures === 0 || lane.retryAtMs <= nowMs) return;
  throw startFailed(`${title} could not be started`, lane.lastStartError ?? "unknown");
}

function startFailed(what: string, why: string): Failure {
  return new Failure("runtime/start-failed", what, { why, hint: "orch workers; orch logs WORKER" });
}

function endFailure(state: JobEnd["state"], reason: JobEnd["reason"]): Failure {
  const why = reason?.text ?? "unknown";
  if (reason?.code === "start-failed") return startFailed("its worker could not be started", why);
  if (state === "cancelled") return new Failure("request/lost", "the request was cancelled", { why });
  return new Failure("worker/failed", "the request failed", { why });
}

function begunAnew(): Failure {
  return new Failure("request/lost", "the request was lost", {
    why: "the database could not be written, and the daemon began anew from it",
    hint: "send it again",
  });
}

function stopping(): Failure {
  return new Failure("daemon/stopping", "the daemon is stopping", { hint: "orch up" });
}

function giveUpLater(world: () => World, jobId: number): void {
  const attempt = world().state().jobs.get(jobId)?.attempts ?? 0;
  setTimeout(() => giveUp(world(), jobId, attempt), GIVE_UP_MS).unref();
}

/** The caller has gone, and whoever spoke to the worker for it has not said that it is over. */
function giveUp(world: World, jobId: number, attempt: number): void {
  world.report({ type: "job-ended", jobId, attempt, outcome: outcomeOf("cancelled") });
}
