import type { Caller } from "../../protocol/operation.ts";
import { type Deferred, deferred } from "../../std/deferred.ts";
import { Failure } from "../../std/failure.ts";
import { keyBehind } from "../dashboard/sessions.ts";
import type { OpenRequest, RequestAsk, RequestDesk, Standing, Turn } from "../request-port.ts";

/**
 * Requests of one visitor of a worker's page share one place on the worker: a page asks for its parts in many requests at once,
 * beside a WebSocket that stays open, and a worker may have one slot.
 */
export interface Visits extends RequestDesk {
  /**
   * Waits for the place of a visitor.
   * @returns null once it is there, or as good as that; how it stands when it is not there in time
   * @throws Failure as `enter` does
   */
  standingAfter(ask: RequestAsk, patienceMs: number): Promise<Standing | null>;
}

/** A place is kept for what a page asks for next. */
const KEPT_MS = 3_000;
/** Who is shown that the worker starts comes back every few seconds; see pages.ts. */
const AWAITED_MS = 15_000;

/** The visit of one visitor. */
interface Visit {
  readonly open: OpenRequest;
  /** The turn, or the wait for it; another one once that was lost. */
  place: Deferred<Turn>;
  /** The turn, while it is there. */
  held: Turn | null;
  guests: number;
  leaving: NodeJS.Timeout | null;
  /** Gives the place back, or leaves the lane. */
  readonly end: () => void;
}

/** @param summary what is said of a visit where requests are listed */
export function createVisits(desk: RequestDesk, summary: string): Visits {
  const visits = new Map<string, Promise<Visit>>();
  const visitOf = (ask: RequestAsk): Promise<Visit> => {
    const name = visitorOf(ask.caller);
    const known = visits.get(name);
    if (known !== undefined) return known;
    const forget = (): void => void (visits.get(name) === begun && visits.delete(name));
    const begun: Promise<Visit> = beginVisit(desk, { ...ask, summary }, forget);
    visits.set(name, begun);
    begun.catch(forget);
    return begun;
  };
  return {
    models: (caller) => desk.models(caller),
    model: (name, caller) => desk.model(name, caller),
    enter: async (ask) => guestOf(await visitOf(ask), ask.signal),
    async standingAfter(ask, patienceMs) {
      const visit = await visitOf(ask);
      const leave = arrive(visit);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), patienceMs);
      });
      try {
        const isThere = await Promise.race([visit.place.promise.then(() => true), late]);
        return isThere ? null : visit.open.standing();
      } finally {
        clearTimeout(timer);
        leave();
      }
    },
  };
}

/** Browsers of one user are one visitor, and so is each key. */
function visitorOf(caller: Caller): string {
  return `${caller.uid} ${keyBehind(caller) ?? ""}`;
}

async function beginVisit(desk: RequestDesk, ask: RequestAsk, forget: () => void): Promise<Visit> {
  const controller = new AbortController();
  const open = await desk.enter({ ...ask, signal: controller.signal });
  const visit: Visit = {
    open,
    place: deferred(),
    held: null,
    guests: 0,
    leaving: null,
    end() {
      forget();
      // As of any caller who has gone: how long a page was open tells nothing of how long a job takes.
      controller.abort(new Failure("interrupted", "the visitor has gone"));
      visit.held?.end("succeeded");
    },
  };
  void takeTurns(visit, controller.signal).catch((error: unknown) => {
    // What is under way goes on as long as the worker does; who comes now begins anew.
    forget();
    visit.place.reject(error);
  });
  // Whoever wanted it may have gone meanwhile.
  arrive(visit)();
  return visit;
}

/** The first turn, and another one each time that was lost. @throws Failure once there is none any more */
async function takeTurns(visit: Visit, signal: AbortSignal): Promise<never> {
  for (;;) {
    const turn = await visit.open.next();
    if (signal.aborted) turn.end("succeeded");
    if (visit.held !== null) visit.place = deferred();
    visit.held = turn;
    visit.place.resolve(turn);
  }
}

/** Somebody is there; gives what says that they have gone. */
function arrive(visit: Visit): () => void {
  visit.guests += 1;
  if (visit.leaving !== null) clearTimeout(visit.leaving);
  visit.leaving = null;
  let isHere = true;
  return () => {
    if (!isHere) return;
    isHere = false;
    visit.guests -= 1;
    if (visit.guests > 0) return;
    visit.leaving = setTimeout(visit.end, visit.held === null ? AWAITED_MS : KEPT_MS);
    visit.leaving.unref();
  };
}

/** One request of the visitor. */
function guestOf(visit: Visit, signal: AbortSignal): OpenRequest {
  const leave = arrive(visit);
  const lose = (turn: Turn): void => {
    if (visit.held !== turn) return;
    visit.held = null;
    visit.place = deferred();
    turn.end("lost");
  };
  return {
    id: visit.open.id,
    standing: visit.open.standing,
    async next() {
      try {
        const turn = await orGone(visit.place.promise, signal);
        return { ...turn, end: (outcome) => (outcome === "lost" ? lose(turn) : leave()) };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

/** @throws the reason of the signal, as soon as it aborts */
async function orGone<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => {};
  const gone = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, gone]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
