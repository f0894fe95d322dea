import type { Caller } from "../../../protocol/operation.ts";
import type { JobDetail, JobView } from "../../../protocol/views.ts";
import { type DeadlineSignal, startDeadline } from "../../../std/deadline-signal.ts";
import { Failure, toFailure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import type { GatewayPort } from "../../port.ts";
import { isObject } from "../parse-object.ts";
import type { RouterOptions } from "./options.ts";
import type { SubmittedTask } from "./read-task.ts";
import type { Node } from "./routed-book.ts";

/** What a node is given. */
export interface Execution {
  readonly id: string;
  readonly task: SubmittedTask;
  readonly caller: Caller;
}

/** What a node made of it. */
export interface Executed {
  /** By the node's own word, if it has one. */
  readonly seconds: number | null;
  readonly result: Json;
  readonly message: string;
}

/** A place where tasks are done. */
export interface Target {
  readonly isElsewhere: boolean;
  /** @throws Failure when it cannot be done */
  execute(execution: Execution): Promise<Executed>;
}

const MOST_ANSWER_BYTES = 16 * 2 ** 20;

/**
 * The target of a node: where its address is set elsewhere, else this host.
 * @throws Failure config/invalid: the variable of its address holds none
 */
export function targetOf(node: Node, port: GatewayPort, options: RouterOptions): Target {
  const url = options.nodes[node] ?? addressIn(`${node}_NODE_URL`);
  return url === null
    ? localTarget(node, port, options)
    : remoteTarget(node, url, options.timeoutSeconds * 1000);
}

/** The variables by which the older router knew its nodes. */
function addressIn(variable: string): string | null {
  const url = process.env[variable] ?? "";
  if (url === "") return null;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new Failure("config/invalid", `${variable} is no address of a node`, {
    why: "it is taken from the environment of the daemon, as the config names none",
    hint: `set it to one like http://edge.example:8001, or gateway.compat.router.nodes in config.yaml`,
  });
}

function remoteTarget(node: Node, url: string, limitMs: number): Target {
  return {
    isElsewhere: true,
    async execute({ id, task }) {
      const deadline = startDeadline(limitMs);
      try {
        const answer = await fetch(`${url.replace(/\/$/, "")}/execute`, {
          method: "POST",
          redirect: "error",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ task_id: id, task_type: task.type, payload: task.payload }),
          signal: deadline.signal,
        });
        const body = await readAnswer(answer);
        if (!answer.ok) throw new Failure("worker/failed", `${node} answered with HTTP ${answer.status}`);
        const { execution_time: seconds, status, error, message } = isObject(body) ? body : {};
        if (status === "error")
          throw new Failure("worker/failed", String(error ?? message ?? `${node} failed`));
        const text = typeof message === "string" ? message : `done by ${node}`;
        return { seconds: typeof seconds === "number" ? seconds : null, result: body, message: text };
      } catch (error) {
        if (deadline.isLate()) throw tooLate(node, limitMs);
        throw unreachable(node, error);
      } finally {
        deadline.end();
      }
    },
  };
}

async function readAnswer(answer: Response): Promise<Json> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of answer.body ?? []) {
    total += (chunk as Uint8Array).length;
    if (total > MOST_ANSWER_BYTES) throw new Failure("worker/failed", "the answer of the node is too large");
    chunks.push(chunk as Uint8Array);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Json;
  } catch {
    return null;
  }
}

function unreachable(node: Node, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return new Failure("worker/failed", `${node} cannot be reached: ${cause}`);
}

function tooLate(what: string, limitMs: number): Failure {
  return new Failure("wait/timeout", `${what} took longer than ${limitMs / 1000} s`, {
    hint: "gateway.compat.router.timeoutSeconds in config.yaml",
  });
}

function localTarget(node: Node, port: GatewayPort, options: RouterOptions): Target {
  const { runtimes, timeoutSeconds } = options;
  return {
    isElsewhere: false,
    async execute({ id, task, caller }) {
      const mapped = Object.hasOwn(runtimes, task.type) ? runtimes[task.type] : undefined;
      const runtime = typeof mapped === "object" ? mapped[node] : mapped;
      // Nothing is mapped to it: the task is said again, which is what the older nodes did.
      if (runtime === undefined)
        return { seconds: null, result: { echo: task.payload }, message: "Task completed" };
      const view = await startJob(port, node, runtime, { id, task, caller });
      return outcomeOf(await untilOver(port, view.id, caller, timeoutSeconds * 1000));
    },
  };
}

/** As a job: EDGE and CLOUD without a GPU, GPU as the runtime has it. */
async function startJob(
  port: GatewayPort,
  node: Node,
  runtime: string,
  { id, task, caller }: Execution,
): Promise<JobView> {
  const { params } = await port.call("GET /runtimes/:runtime", { runtime }, caller);
  const declared = new Set(params.map(({ name }) => name));
  const offered: Record<string, Json> = {
    ...task.payload,
    payload: task.payload,
    task_type: task.type,
    taskType: task.type,
  };
  const given = Object.fromEntries(Object.entries(offered).filter(([name]) => declared.has(name)));
  const options = {
    ...(node === "GPU" ? {} : { gpus: 0 }),
    priority: task.priority,
    label: `${task.type} (${node})`.slice(0, 200),
    labels: { compat: "router", node },
    correlation: caller.correlation ?? null,
  };
  const input = { runtime, params: given, options, idempotencyKey: `routed:${id}` };
  return port.call("POST /jobs", input, caller);
}

function outcomeOf({ id, state, startedAt, finishedAt, reason, output }: JobDetail): Executed {
  const seconds =
    startedAt === null || finishedAt === null
      ? null
      : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  if (state === "succeeded") return { seconds, result: output, message: `Task completed as job ${id}` };
  throw new Failure("job/failed", `job ${id} ${state}${reason === null ? "" : `: ${reason.text}`}`);
}

const FINISHED = ["succeeded", "failed", "cancelled"];

/** Waits for the end of a job; one that takes too long is cancelled. @throws Failure wait/timeout */
async function untilOver(
  port: GatewayPort,
  job: number,
  caller: Caller,
  limitMs: number,
): Promise<JobDetail> {
  const late = startDeadline(limitMs);
  try {
    for (;;) {
      const changed = nextChange(port, job, late);
      const view = await port.call("GET /jobs/:job", { job }, caller);
      if (FINISHED.includes(view.state)) {
        changed.stop();
        return view;
      }
      await changed.done;
      if (!late.isLate()) continue;
      await port.call("POST /jobs/:job/cancel", { job }, caller).catch(toFailure);
      throw tooLate(`job ${job}`, limitMs);
    }
  } finally {
    late.end();
  }
}

function nextChange(
  port: GatewayPort,
  job: number,
  { signal: late }: DeadlineSignal,
): { done: Promise<void>; stop: () => void } {
  let stop = (): void => {};
  const done = new Promise<void>((resolve) => {
    const unlisten = port.feed.listen((notice) => {
      if (notice.type === "jobs" && notice.ids.has(job)) stop();
    });
    stop = () => {
      unlisten();
      late.removeEventListener("abort", stop);
      resolve();
    };
    late.addEventListener("abort", stop);
    if (late.aborted) stop();
  });
  return { done, stop: () => stop() };
}
