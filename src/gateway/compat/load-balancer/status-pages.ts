import type { OpenRoute } from "../../port.ts";
import { answerJson } from "../answer.ts";
import type { Balancer } from "./balancer.ts";
import { modelKinds } from "./models.ts";
import { type Pool, resize, viewSlot } from "./pools.ts";
import { requestIdOf } from "./request-id.ts";

/** What answers a page: there may be nobody who asks. */
export type PageCall = (
  balancer: Balancer,
  exchange: Parameters<OpenRoute["serve"]>[0],
) => Promise<void> | void;

/** Workers had their ports from here on; they are numbers by now, and nothing listens there. */
export const BASE_PORT = 9100;

/** Gives each pool as many places as its runtime may have workers now. */
export async function refreshPools({ port, pools, options }: Balancer): Promise<void> {
  const caller = await port.admit(port.owner);
  const { runtimes } = await port.call("GET /runtimes", {}, caller);
  const served = new Map(port.requests.models(caller).map(({ name, runtime }) => [name, runtime]));
  for (const pool of pools.all()) {
    const asked = options.models[pool.kind.name]?.runtime ?? pool.kind.name;
    const name = served.get(asked) ?? asked;
    const runtime = runtimes.find((each) => each.name === name && each.problem === null);
    resize(pool, runtime === undefined ? 0 : Math.max(1, runtime.replicas.max));
  }
}

const isOld = ({ kind }: Pool): boolean => modelKinds.some(({ name }) => name === kind.name);

/** `GET /status`: every pool, empty ones too; others than the five of old once they have workers. */
export async function poolStatus(
  balancer: Balancer,
  { request, response }: Parameters<PageCall>[1],
): Promise<void> {
  await refreshPools(balancer);
  const { pools } = balancer;
  const shown = pools.all().filter((pool) => isOld(pool) || pool.slots.length > 0);
  const model_pools = Object.fromEntries(
    shown.map((pool) => [pool.kind.name, pool.slots.map((slot) => viewSlot(pools, pool, slot, BASE_PORT))]),
  );
  answerJson(response, 200, { model_pools }, { "x-request-id": requestIdOf(request) });
}

/** `GET /metrics`: counts since the daemon's start. */
export async function metrics(
  balancer: Balancer,
  { request, response }: Parameters<PageCall>[1],
): Promise<void> {
  await refreshPools(balancer);
  const { pools, port } = balancer;
  const all = pools.all();
  const sum = (count: (pool: Pool) => number): number => all.reduce((total, pool) => total + count(pool), 0);
  const uptimeMs = port.clock.monotonicMs() - pools.startedMs;
  const success = sum((pool) => pool.success);
  const body = {
    uptime_seconds: Math.round(uptimeMs / 10) / 100,
    total_requests: sum((pool) => pool.requests),
    success,
    errors: sum((pool) => pool.errors),
    rps: Math.round((success / Math.max(0.001, uptimeMs / 1000)) * 10_000) / 10_000,
    per_model: Object.fromEntries(
      all.map(({ kind, requests, success: good, errors }) => [
        kind.name,
        { requests, success: good, errors },
      ]),
    ),
    per_worker: Object.fromEntries(
      all.flatMap((pool) => pool.slots.map((slot) => workerEntry(balancer, pool, slot))),
    ),
    timestamp: Math.floor(port.clock.nowMs() / 1000),
  };
  answerJson(response, 200, body, { "x-request-id": requestIdOf(request) });
}

function workerEntry({ pools }: Balancer, pool: Pool, slot: Pool["slots"][number]): [string, object] {
  const { worker_id, is_busy: _busy, queue_length: _queue, ...rest } = viewSlot(pools, pool, slot, BASE_PORT);
  return [String(worker_id), { model: pool.kind.name, ...rest }];
}

/** `GET /` */
export function hello(_balancer: Balancer, { request, response }: Parameters<PageCall>[1]): void {
  const body = { service: "Multi-Model Load Balancer", status: "running" };
  answerJson(response, 200, body, { "x-request-id": requestIdOf(request) });
}
