import type { JobView } from "../../../protocol/views.ts";
import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import { isObject } from "../parse-object.ts";
import type { Done, Running, Work } from "./balancer.ts";
import { paramsOf } from "./prepare.ts";
import { badGateway, noWorkers, Refusal, tooSlow } from "./refusal.ts";
import { saysTooLong } from "./serve-by-request.ts";

/**
 * Serves with a runtime of another protocol than `openai`: such a worker is spoken to in the words of its protocol, with params and
 * files, which is what jobs do. So it is a job; it is cancelled when its caller hangs up, and run once more when its worker is lost.
 * @throws Refusal; Failure of many kinds
 */
export async function serveByJob(work: Work): Promise<Done> {
  const { balancer, prepared, caller, signal } = work;
  const { port, options } = balancer;
  const { kind } = prepared;
  const job = await submit(work);
  const seconds = options.models[kind.name]?.timeoutSeconds ?? kind.timeoutSeconds;
  let running: Running | null = null;
  let worker: Done["worker"] | null = null;
  let last: JobView = job;
  const cancel = async (): Promise<void> => {
    // It may have ended meanwhile.
    await port.call("POST /jobs/:job/cancel", { job: job.id }, caller).catch(() => undefined);
  };
  try {
    for await (const line of port.stream("GET /follow", { jobs: [job.id] }, caller, signal)) {
      if (line.type !== "job") continue;
      last = line.job;
      const isWaiting = last.state === "queued" || last.state === "held";
      if (isWaiting) {
        running?.end();
        running = null;
      } else if (running === null && last.worker !== null) {
        const id = await workerId(work, last.worker);
        worker = { id, gpus: last.gpus };
        running = work.begin(id);
      }
    }
    if (signal.aborted) throw new Failure("interrupted", "the caller has gone");
  } finally {
    running?.end();
    if (signal.aborted) await cancel();
  }
  if (last.state !== "succeeded" || running === null || worker === null)
    throw refusalOf(last, { worker: running?.id ?? 0, model: kind.name, seconds });
  const { output } = await port.call("GET /jobs/:job", { job: job.id }, caller);
  return { fields: fieldsOf(output), running, worker };
}

async function submit({ balancer, prepared, target, caller }: Work): Promise<JobView> {
  const { port, options } = balancer;
  const { kind } = prepared;
  const { params: declared } = await port.call("GET /runtimes/:runtime", { runtime: target.runtime }, caller);
  const known = new Set(declared.map(({ name }) => name));
  const wanted = Object.entries(paramsOf(prepared)).filter(
    ([name, value]) => known.has(name) && value !== null,
  );
  const seconds = options.models[kind.name]?.timeoutSeconds ?? kind.timeoutSeconds;
  return port.call(
    "POST /jobs",
    {
      runtime: target.runtime,
      params: { ...Object.fromEntries(wanted), ...target.params },
      options: { timeLimitMs: Math.round(seconds * 1000), correlation: caller.correlation ?? null },
    },
    caller,
  );
}

async function workerId({ balancer, caller }: Work, name: string): Promise<number> {
  const { workers } = await balancer.port.call("GET /workers", { all: true }, caller);
  return workers.find((worker) => worker.name === name)?.id ?? 0;
}

function fieldsOf(output: Json): Record<string, Json> {
  return isObject(output) ? { ...output } : { response: output };
}

/** What a handler says with ValueError is about the request; the rest is the worker's own trouble. */
function refusalOf(
  { state, reason }: JobView,
  about: { readonly worker: number; readonly model: string; readonly seconds: number },
): Refusal {
  const text = reason?.text ?? state;
  if (reason?.code === "time-limit") return tooSlow(about.worker);
  if (reason?.code === "start-failed") return noWorkers(about.model);
  const [, said] = /^ValueError: (.*)$/s.exec(text) ?? [];
  if (said === undefined) return badGateway(about.worker);
  return saysTooLong(said)
    ? new Refusal(400, { error: "context_length_exceeded", message: said })
    : new Refusal(400, said);
}
