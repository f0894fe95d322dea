import { setTimeout as sleep } from "node:timers/promises";
import type { Exit, ProcessIdentity, Remains } from "../../engine/engine.ts";
import type { Mask } from "../../log/mask.ts";
import type { WorkerExit } from "../../scheduler/events.ts";
import type { Worker } from "../../scheduler/model.ts";
import type { StartStep } from "../../scheduler/worker-phase.ts";
import { type Failure, toFailure } from "../../std/failure.ts";
import { saysOutOfMemory } from "../../worker/out-of-memory.ts";
import { verifyContainerGpus } from "../containers/container-gpus.ts";
import { KILLED_EXIT_CODE, ranOutOfMemory } from "../gpus/memory-trouble.ts";
import type { Hand } from "../hands.ts";
import { type EventTail, followOneShot, oneShotResult } from "../jobs/one-shot.ts";
import { prepareLaunch } from "../jobs/prepare-launch.ts";
import { lastLines } from "../logs/last-lines.ts";
import { launchAs } from "../users/launch-as.ts";
import type { World } from "../world.ts";
import { awaitMemory } from "./await-memory.ts";
import { contactOf } from "./contact.ts";
import { serveWorker } from "./serve-worker.ts";
import { stopSurely } from "./stop-surely.ts";

const INSPECT_AGAIN_MS = 500;

/** Brings a worker's program up, or finds the one that an earlier daemon started, and follows it to its end. */
export async function startWorker(world: World, workerId: number, inherited: boolean): Promise<void> {
  const worker = world.state().workers.get(workerId);
  if (!worker) return;
  const { hand, isNew } = world.hands.take(workerId, inherited);
  if (!isNew) return;
  try {
    if (!hand.inherited) await startProgram(world, worker, hand);
    else if (!(await adoptRemains(world, worker, hand))) return;
    hand.settle();
    if (hand.identity === null) return;
    if (worker.lane.spec.residency === "resident") await serveWorker(world, worker, hand);
    else if (!hand.inherited) await verifyContainerGpus(world, worker, hand);
  } catch (error) {
    await giveUp(world, worker, hand, toFailure(error));
  }
}

/** A start that went wrong. A program that runs is stopped first: its exit, reported by who follows it, frees the GPU. */
async function giveUp(world: World, worker: Worker, hand: Hand, failure: Failure): Promise<void> {
  const { workerId, identity } = hand;
  hand.settle();
  if (failure.code === "bug") world.log.error({ workerId, err: failure.cause }, failure.message);
  if (identity === null) {
    const message = hiddenOf(world, worker).hideText(failure.sentence);
    const cause = failure.code === "engine/unprepared" ? "unprepared" : "program";
    return endWithoutProgram(world, hand, { type: "worker-start-failed", workerId, cause, message });
  }
  if (failure.code === "interrupted" || hand.isGone) return;
  hand.note = failure.sentence;
  await stopSurely(world, hand, worker.lane.spec.stopTimeoutMs);
}

type EndReport = Parameters<World["report"]>[0];

function endWithoutProgram(world: World, hand: Hand, report: EndReport): void {
  hand.isGone = true;
  hand.settle();
  world.hands.drop(hand.workerId);
  world.report(report);
}

function endStopped(world: World, hand: Hand): void {
  const exit = { exitCode: null, detail: "stopped before its program was started" };
  endWithoutProgram(world, hand, { type: "worker-exited", workerId: hand.workerId, exit, result: null });
}

/**
 * Takes over what an earlier daemon left of a worker. One that never started never will: its control folder is
 * revoked, in case its supervisor is merely late, so the plan has to make another worker.
 * @returns whether its program runs.
 */
async function adoptRemains(world: World, worker: Worker, hand: Hand): Promise<boolean> {
  const remains = await inspectSurely(world, worker);
  if (remains.kind === "running") {
    adopt(world, worker, hand, remains.identity);
    world.log.info({ worker: worker.name, pid: remains.identity.pid }, "adopted a running worker");
    return true;
  }
  if (remains.kind === "exited") {
    await reportExit(world, worker, hand, remains.exit, startFollowing(world, worker));
  } else if (worker.phase.state === "starting") {
    const message = "the daemon ended before it had started the program";
    endWithoutProgram(world, hand, {
      type: "worker-start-failed",
      workerId: worker.id,
      cause: "interrupted",
      message,
    });
  } else {
    await reportExit(world, worker, hand, { exitCode: null, detail: "its control folder is gone" }, null);
  }
  return false;
}

/** A look that fails (no descriptors left, say) tells nothing, so the lease is kept and the look repeated. */
async function inspectSurely(world: World, worker: Worker): Promise<Remains> {
  for (;;) {
    try {
      return await world.engine.inspect(world.places.workerDir(worker.id), worker.id);
    } catch (error) {
      world.log.warn({ worker: worker.name, err: error }, "cannot see what is left of a worker");
      await sleep(INSPECT_AGAIN_MS);
    }
  }
}

async function startProgram(world: World, worker: Worker, hand: Hand): Promise<void> {
  const { signal } = hand.abort;
  const { workerId } = hand;
  const step = (name: StartStep): void => world.report({ type: "worker-step", workerId, step: name });
  if (signal.aborted) return endStopped(world, hand);
  // What takes minutes was made before the GPUs were granted; files and secrets may still be on a slow disk.
  const launch = await unlessAborted(
    launchAs(world, worker, () => prepareLaunch(world, worker, () => step("environment"))),
    signal,
  );
  if (launch === null) return endStopped(world, hand);
  // Last, since somebody else may take the memory meanwhile.
  if (worker.leases.length > 0) {
    step("vram");
    if (!(await memoryIsFree(world, worker, hand))) return;
  }
  const identity = await world.engine.start(launch);
  adopt(world, worker, hand, identity);
}

/** What `work` gives, or null as soon as `signal` aborts; trouble of work that nobody waits for any more is dropped. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  work.catch(() => undefined);
  let stop = (): void => {};
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop);
  });
  try {
    const result = await Promise.race([work, aborted]);
    return signal.aborted ? null : result;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The old worker has exited; its memory is granted again only when the driver says that it is back. */
async function memoryIsFree(world: World, worker: Worker, hand: Hand): Promise<boolean> {
  const wait = await awaitMemory(world, worker, hand.abort.signal);
  if (wait.kind === "free") return true;
  if (wait.kind === "aborted") endStopped(world, hand);
  else {
    const message = wait.missing.map((missing) => missing.text).join("; ");
    endWithoutProgram(world, hand, {
      type: "worker-start-failed",
      workerId: worker.id,
      cause: "memory",
      message,
      stuckGpus: wait.missing.filter(({ isStuck }) => isStuck).map(({ uuid }) => uuid),
    });
  }
  return false;
}

/** From here on the program is ours: its identity is recorded and its end will be reported, whatever happens. */
function adopt(world: World, worker: Worker, hand: Hand, identity: ProcessIdentity): void {
  hand.identity = identity;
  world.report({ type: "worker-spawned", workerId: worker.id, identity: { ...identity } });
  const tail = startFollowing(world, worker);
  void world.engine
    .exited(world.places.workerDir(worker.id), identity)
    .then((exit) => reportExit(world, worker, hand, exit, tail));
}

function startFollowing(world: World, worker: Worker): EventTail | null {
  return worker.lane.spec.residency === "one-shot" ? followOneShot(world, worker) : null;
}

async function reportExit(
  world: World,
  worker: Worker,
  hand: Hand,
  exit: Exit,
  tail: EventTail | null,
): Promise<void> {
  hand.isGone = true;
  hand.settle();
  const { workerId } = hand;
  forget(world, worker);
  await world.logs.settle(worker);
  const told =
    tail !== null && hand.note !== null ? stoppedFor(hand.note) : withHostMemory(world, hand, exit);
  const result = tail === null ? null : await oneShotResult(world, worker, told, tail);
  world.hands.drop(workerId);
  world.report({ type: "worker-exited", workerId, exit: withDetail(world, worker, hand, told), result });
}

/** A job that we ended for trouble that is not its own: its exit code would be that of our signal. */
function stoppedFor(detail: string): Exit {
  return { exitCode: null, detail };
}

function forget(world: World, worker: Worker): void {
  if (worker.lane.spec.residency === "one-shot") return;
  const contact = contactOf(world, worker.id);
  world.protocolOf(contact).forget(contact.endpoint);
  world.contacts.delete(worker.id);
}

/** SIGKILL that we did not send may come from the kernel: the exit code alone would be a riddle. */
function withHostMemory(world: World, hand: Hand, exit: Exit): Exit {
  if (hand.abort.signal.aborted) return exit;
  // What was killed at its own limit is counted by the kernel, too, and is no sign of trouble for others.
  const isCounted = world.hostMemory.wasKilled(exit.isOverLimit === true ? KILLED_EXIT_CODE : exit.exitCode);
  if (!isCounted || exit.isOverLimit === true) return exit;
  return { ...exit, detail: "killed by the kernel for host memory" };
}

function withDetail(world: World, worker: Worker, hand: Hand, exit: Exit): WorkerExit {
  const explained = explain(world, worker, hand, exit);
  const { detail } = explained;
  return detail === null ? explained : { ...explained, detail: hiddenOf(world, worker).hideText(detail) };
}

/** What is not to be shown of the words of a worker and its jobs. */
function hiddenOf(world: World, { lane, jobs }: Worker): Mask {
  const [job] = jobs;
  const { runtime } = lane.spec;
  return job ? world.secrets.ofJob({ id: job.id, runtime }) : world.secrets.ofRuntime(runtime);
}

/** A resident worker that ends unasked is explained by its last words. */
function explain(world: World, worker: Worker, hand: Hand, exit: Exit): WorkerExit {
  const isExpected = worker.lane.spec.residency === "one-shot" || hand.abort.signal.aborted;
  if (hand.note !== null) return { ...exit, detail: hand.note, cause: causeOf(saysOutOfMemory(hand.note)) };
  if (isExpected || exit.exitCode === 0) return exit;
  const logPath = world.places.workerLog(worker.id);
  const words = lastLines(logPath, 3);
  const what = exit.detail ?? `exit code ${exit.exitCode ?? "unknown"}`;
  const detail = words === "" ? what : `${what}; its last words: ${words}`;
  return { ...exit, detail, cause: causeOf(ranOutOfMemory(exit.exitCode, logPath)) };
}

function causeOf(isOutOfMemory: boolean): WorkerExit["cause"] {
  return isOutOfMemory ? "out-of-memory" : undefined;
}
