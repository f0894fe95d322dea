import type { WorkerView } from "../protocol/views.ts";
import { workerDetail } from "../scheduler/explain.ts";
import { keptUntilMs } from "../scheduler/idle.ts";
import type { Worker } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import { Failure } from "../std/failure.ts";
import type { WorkerRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";

/** A worker as callers see it: its row, and what the live scheduler knows of it. */
export function viewWorker(ctx: Context, row: WorkerRow): WorkerView {
  const live = ctx.state().workers.get(row.id);
  const spec = ctx.state().lanes.get(row.lane)?.spec;
  return {
    id: row.id,
    name: row.name,
    runtime: row.runtime,
    lane: spec?.title ?? row.lane,
    state: live ? stateOf(live) : (row.state as WorkerView["state"]),
    detail: live
      ? workerDetail(live)
      : (row.detail ?? (row.exitCode === null ? "" : `exit code ${row.exitCode}`)),
    gpus: ctx.queries.gpusOf(row.id),
    mode: spec === undefined || spec.gpuCount === 0 ? "none" : spec.mode,
    vramBytes: spec?.vramBytes == null ? null : (live?.leases[0]?.vramBytes ?? spec.vramBytes),
    fence: row.fence,
    pinned: live?.pinned ?? false,
    pid: live ? pidOf(row.identity) : null,
    jobs: live ? [...live.jobs].map((job) => job.id).filter((id) => !isRequestId(id)) : [],
    requests: live ? [...live.jobs].filter(({ id }) => isRequestId(id)).length : 0,
    slots: spec?.slots ?? 1,
    startedAt: toTimestamp(row.createdAtMs),
    readyAt: toTimestampOrNull(row.readyAtMs),
    since: toTimestamp(live?.phase.sinceMs ?? row.goneAtMs ?? row.createdAtMs),
    keptUntil: toTimestampOrNull(live === undefined || live.pinned ? null : keptUntilMs(live)),
    ...(ctx.keys.uis().some(({ name }) => name === row.runtime)
      ? { uiUrl: `/dashboard/ui/${encodeURIComponent(row.runtime)}` }
      : {}),
  };
}

/** Whether it is busy is seen from its jobs, not kept. */
function stateOf(worker: Worker): WorkerView["state"] {
  return worker.phase.state === "ready" && worker.jobs.size > 0 ? "busy" : worker.phase.state;
}

function pidOf(identity: string | null): number | null {
  return identity === null ? null : ((JSON.parse(identity) as { pid?: number }).pid ?? null);
}

/** The id of a live worker, given by its name or id. @throws Failure worker/unknown */
export function findWorkerId(ctx: Context, asked: string): number {
  for (const worker of ctx.state().workers.values()) {
    if (worker.name === asked || String(worker.id) === asked) return worker.id;
  }
  throw new Failure("worker/unknown", `there is no worker "${asked}"`, { hint: "orch workers ls" });
}

/** A worker as callers see it, by its id. @throws Failure worker/unknown */
export function viewWorkerById(ctx: Context, id: number): WorkerView {
  const row = ctx.queries.worker(id);
  if (row) return viewWorker(ctx, row);
  throw new Failure("worker/unknown", `there is no worker ${id}`, { hint: "orch workers ls --all" });
}
