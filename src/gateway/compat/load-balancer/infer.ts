import type { Caller } from "../../../protocol/operation.ts";
import { Failure } from "../../../std/failure.ts";
import type { Exchange } from "../../port.ts";
import { TooMany } from "../../too-many.ts";
import { answerJson } from "../answer.ts";
import type { Balancer, Done, Running, Target, Work } from "./balancer.ts";
import { countEnd, freeSlot, type Pool, refuseFull, resize, rounded, type Slot, takeSlot } from "./pools.ts";
import { type Order, prepare, readOrder } from "./prepare.ts";
import { beginRecord, type Recorder } from "./records.ts";
import { noWorkers, Refusal } from "./refusal.ts";
import { requestIdOf } from "./request-id.ts";
import { serveByJob } from "./serve-by-job.ts";
import { serveByRequest } from "./serve-by-request.ts";

/** `POST /infer`: one request of a model, answered with what the model says and what the balancer did. */
export async function infer(balancer: Balancer, exchange: Exchange): Promise<void> {
  const { request, response, caller, signal } = exchange;
  const record = beginRecord(balancer, exchange);
  try {
    const order = readOrder(await balancer.bodies.read(request, signal), caller.uid);
    record.asked(order);
    const target = await targetOf(balancer, order.model, caller);
    const pool = balancer.pools.of(order.model);
    await resizeFor(balancer, pool, target, caller);
    const prepared = await prepare(pool.kind, order, balancer);
    refuseFull(pool, balancer.options.maxQueue);
    const done = await served({ balancer, pool, record, exchange, target, prepared });
    const body = await answerOf(balancer, { pool, order, done, caller });
    if (signal.aborted) return;
    answerJson(response, 200, body, { "x-request-id": requestIdOf(request) });
    record.done(body);
  } catch (error) {
    const told = signal.aborted ? new Failure("interrupted", "the caller has gone") : error;
    record.failed(told);
    throw told;
  }
}

/** @throws Refusal: nobody serves the model */
async function targetOf({ port, options }: Balancer, model: string, caller: Caller): Promise<Target> {
  const asked = options.models[model]?.runtime ?? model;
  try {
    const { runtime, params, protocol } = port.requests.model(asked, caller);
    return { runtime, params, protocol };
  } catch (error) {
    if (error instanceof Failure && error.code.startsWith("runtime/")) throw noWorkers(model);
    throw error;
  }
}

/** The places of a pool are as many as its runtime may have workers. @throws Refusal */
async function resizeFor({ port }: Balancer, pool: Pool, { runtime }: Target, caller: Caller): Promise<void> {
  const { problem, replicas } = await port.call("GET /runtimes/:runtime", { runtime }, caller);
  if (problem !== null) throw noWorkers(pool.kind.name);
  resize(pool, Math.max(1, replicas.max));
}

interface Serving extends Pick<Work, "balancer" | "target" | "prepared"> {
  readonly pool: Pool;
  readonly record: Recorder;
  readonly exchange: Exchange;
}

/** Waits for a worker and has it do the work; counts what becomes of it. */
async function served({ balancer, pool, record, exchange, target, prepared }: Serving): Promise<Done> {
  const { clock } = balancer.port;
  let slot: Slot | null = null;
  let sinceMs: number | null = null;
  let isWaiting = true;
  pool.waiting += 1;
  const begin = (worker: number): Running => {
    const taken = takeSlot(pool, worker);
    if (isWaiting) pool.waiting -= 1;
    isWaiting = false;
    const waitingThen = Math.ceil(pool.waiting / Math.max(1, pool.slots.length));
    const startMs = clock.monotonicMs();
    [slot, sinceMs] = [taken, startMs];
    const id = balancer.pools.idOf(pool, taken);
    record.dispatched(id, waitingThen);
    let isOver = false;
    const end = (): void => {
      if (!isOver) freeSlot(taken);
      isOver = true;
    };
    return { slot: taken, id, sinceMs: startMs, waitingThen, end };
  };
  const { caller, signal, request } = exchange;
  const work: Work = { balancer, prepared, target, caller, signal, requestId: requestIdOf(request), begin };
  const finish = (isGood: boolean): void =>
    countEnd(pool, slot, isGood, sinceMs === null ? null : clock.monotonicMs() - sinceMs);
  try {
    const done = target.protocol === "openai" ? await serveByRequest(work) : await serveByJob(work);
    finish(true);
    remember(balancer, work, done);
    return done;
  } catch (error) {
    const told = toRefusal(error, pool.kind.name);
    // Those for whom there was no worker are not counted.
    if (!(told instanceof Refusal && told.status === 503)) finish(false);
    throw told;
  } finally {
    if (isWaiting) pool.waiting -= 1;
  }
}

function toRefusal(error: unknown, model: string): unknown {
  if (error instanceof TooMany && error.code === "request/too-many")
    return new Refusal(
      503,
      `Too many requests wait for model '${model}'.`,
      Math.ceil(error.retryAfterMs / 1000),
    );
  if (error instanceof Failure && /^(runtime|gpu|host|engine|worker)\//.test(error.code))
    return noWorkers(model);
  return error;
}

function remember({ sessions }: Balancer, { prepared }: Work, { fields }: Done): void {
  const { kind, images, input, order } = prepared;
  const said = fields["response"];
  if (!kind.remembers || images.length > 0 || order.memory === null || typeof said !== "string") return;
  sessions.remember(order.memory, [
    { role: "user", content: input },
    { role: "assistant", content: said },
  ]);
}

interface Finished {
  readonly pool: Pool;
  readonly order: Order;
  readonly done: Done;
  readonly caller: Caller;
}

async function answerOf(balancer: Balancer, { pool, order, done, caller }: Finished): Promise<object> {
  const { port } = balancer;
  const { running, worker, fields } = done;
  const tookMs = running.slot.lastMs ?? port.clock.monotonicMs() - running.sinceMs;
  return {
    ...fields,
    model_name_processed: order.model,
    duration_seconds: Math.round(tookMs / 10) / 100,
    api_worker_pid: await pidOf(port, worker.id, caller),
    gpu_id_of_model_worker: pool.kind.spreadsOverGpus ? "auto" : await gpuOf(balancer, worker.gpus, caller),
    load_balancer_worker_id: running.id,
    lb_latency_ms: rounded(port.clock.monotonicMs() - running.sinceMs),
    lb_queue_at_dispatch: running.waitingThen,
  };
}

async function pidOf(port: Balancer["port"], worker: number, caller: Caller): Promise<number> {
  const { workers } = await port.call("GET /workers", {}, caller);
  // A worker that has just ended has no process any more.
  return workers.find(({ id }) => id === worker)?.pid ?? process.pid;
}

/** Its index; 0 without a GPU, as clients want an integer. */
async function gpuOf(
  { port, gpuIndices }: Balancer,
  uuids: readonly string[],
  caller: Caller,
): Promise<number> {
  const [uuid] = uuids;
  if (uuid === undefined) return 0;
  if (!gpuIndices.has(uuid)) {
    const { gpus } = await port.call("GET /gpus", {}, caller);
    for (const gpu of gpus) gpuIndices.set(gpu.uuid, gpu.index);
  }
  return gpuIndices.get(uuid) ?? 0;
}
