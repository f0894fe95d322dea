import type { Caller } from "../../../protocol/operation.ts";
import type { WorkerView } from "../../../protocol/views.ts";
import { startDeadline } from "../../../std/deadline-signal.ts";
import { Failure } from "../../../std/failure.ts";
import type { Exchange } from "../../port.ts";
import { answerJson } from "../answer.ts";
import { parseObject } from "../parse-object.ts";
import type { Runtimes } from "./app-runtime.ts";
import { ADMIN_HEADERS, type JobsDesk, refuse, runtimesNow } from "./desk.ts";
import type { App } from "./registry.ts";

/** A worker that runs, and the app that it serves. */
export interface AppWorker {
  readonly worker: WorkerView;
  readonly app: App;
}

/** The workers of apps that run now; those that have ended are not among them. */
export async function appWorkers(
  { port }: JobsDesk,
  caller: Caller,
  runtimes: Runtimes,
): Promise<AppWorker[]> {
  const { workers } = await port.call("GET /workers", {}, caller);
  return workers.flatMap((worker) => {
    const app = runtimes.appOf(worker.runtime);
    return app === null || ENDED.has(worker.state) ? [] : [{ worker, app }];
  });
}

const ENDED: ReadonlySet<WorkerView["state"]> = new Set(["gone", "failed"]);

function wordOf({ state }: WorkerView): string {
  return state === "ready" ? "idle" : state;
}

/** `GET /workers`: who is there, each in both spellings that were documented. */
export async function workerList(desk: JobsDesk, { caller, response }: Exchange): Promise<void> {
  const found = await appWorkers(desk, caller, await runtimesNow(desk, caller));
  const now = new Date(desk.port.clock.nowMs()).toISOString();
  const workers = found.map(({ worker, app }) => ({
    WorkerID: worker.name,
    LastHeartbeat: now,
    Status: "ONLINE",
    worker_id: worker.name,
    app_id: app.id,
    status: wordOf(worker),
    last_heartbeat: now,
  }));
  answerJson(response, 200, { count: workers.length, workers });
}

const MIB = 2 ** 20;

/** `GET /admin/workers/status`: workers that run, and those of workers.yaml that do not. */
export async function workerStatus(desk: JobsDesk, { caller, response }: Exchange): Promise<void> {
  const runtimes = await runtimesNow(desk, caller);
  const found = await appWorkers(desk, caller, runtimes);
  const { gpus } = await desk.port.call("GET /gpus", {}, caller);
  const now = new Date(desk.port.clock.nowMs()).toISOString();
  const running = found.map(({ worker, app }) => {
    const gpu = gpus.find(({ uuid }) => worker.gpus.includes(uuid));
    return {
      worker_id: worker.name,
      app_id: app.id,
      status: wordOf(worker),
      gpu_name: gpu?.name ?? null,
      vram_total_mb: gpu === undefined ? null : Math.round(gpu.memory.totalBytes / MIB),
      last_heartbeat: now,
    };
  });
  const stopped = runtimes.apps
    .filter((app) => app.worker !== null && !found.some((each) => each.app === app))
    .map((app) => ({
      worker_id: app.worker,
      app_id: app.id,
      status: "stopped",
      ...{ gpu_name: null, vram_total_mb: null, last_heartbeat: null },
    }));
  answerJson(
    response,
    200,
    { workers: [...running, ...stopped], active_worker: activeOf(found) },
    ADMIN_HEADERS,
  );
}

/** The one that has a GPU and works, else the newest that has one. */
function activeOf(found: readonly AppWorker[]): string | null {
  const holders = found.filter(({ worker }) => worker.gpus.length > 0);
  const active = holders.find(({ worker }) => worker.state === "busy") ?? holders[0];
  return active === undefined ? null : (active.app.worker ?? active.worker.name);
}

/** A worker that waits for its place goes on waiting when its caller has been answered. */
const START_MS = 100_000;

/** `POST /admin/workers/action`: starts, stops or switches to a worker, by its name in workers.yaml, its app, or its own name. */
export async function workerAction(desk: JobsDesk, exchange: Exchange): Promise<void> {
  const { request, response, caller, signal } = exchange;
  const body = parseObject(await desk.bodies.read(request, signal));
  if (body === null) return refuse(exchange, 400, "Invalid JSON");
  const { worker_name: name, action } = body;
  if (action !== "start" && action !== "stop" && action !== "switch")
    return refuse(exchange, 400, "Invalid action");
  const failed = (error: string): void =>
    answerJson(
      response,
      200,
      { success: false, message: `Could not ${action} ${String(name)}`, error },
      ADMIN_HEADERS,
    );
  try {
    const runtimes = await runtimesNow(desk, caller);
    const found = await appWorkers(desk, caller, runtimes);
    const one = found.find(({ worker }) => worker.name === name);
    const app = one?.app ?? runtimes.apps.find((each) => each.worker === name) ?? runtimes.find(String(name));
    if (app === null) return failed(`there is no worker ${String(name)}`);
    const output =
      action === "stop"
        ? await stop(desk, exchange, one === undefined ? found.filter((each) => each.app === app) : [one])
        : await start(desk, exchange, { app, action, runtimes });
    answerJson(
      response,
      200,
      { success: true, message: `Worker ${String(name)}: ${action} done`, output },
      ADMIN_HEADERS,
    );
  } catch (error) {
    if (!(error instanceof Failure) || error.code === "bug") throw error;
    failed(error.sentence);
  }
}

async function stop(
  { port }: JobsDesk,
  { caller }: Exchange,
  workers: readonly AppWorker[],
): Promise<string> {
  for (const { worker } of workers)
    await port.call("POST /workers/:worker/stop", { worker: worker.name }, caller);
  return workers.length === 0
    ? "it was not running"
    : workers.map(({ worker }) => `${worker.name} stops once its jobs are done`).join("; ");
}

async function start(
  { port }: JobsDesk,
  { caller, signal }: Exchange,
  { app, action, runtimes }: { app: App; action: "start" | "switch"; runtimes: Runtimes },
): Promise<string> {
  if (app.type !== "local") return "it runs elsewhere, and is always there";
  const { runtime, load } = runtimes.of(app);
  const input = { runtime: runtime.name, params: load };
  const { signal: limit, end } = startDeadline(START_MS, signal);
  try {
    const worker =
      action === "start"
        ? await port.call("POST /workers/start", input, caller, limit)
        : await port.call(
            "POST /workers/switch",
            { ...input, ...(app.gpu === null ? {} : { gpu: app.gpu }) },
            caller,
            limit,
          );
    return `${worker.name} is ${worker.state}`;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "interrupted") throw error;
    return "it waits for its place, and starts as soon as there is one";
  } finally {
    end();
  }
}
