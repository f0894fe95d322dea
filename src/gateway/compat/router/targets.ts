import type { Caller } from "../../../protocol/operation.ts";
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

/** As the older router had it. */
const LIMIT_MS = 30_000;
const MOST_ANSWER_BYTES = 16 * 2 ** 20;

/** The target of a node: where its address is set elsewhere, else this host. */
export function targetOf(node: Node, port: GatewayPort, options: RouterOptions): Target {
  const url = options.nodes[node];
  return url === null ? localTarget(node, port, options) : remoteTarget(node, url);
}

function remoteTarget(node: Node, url: string): Target {
  return {
    isElsewhere: true,
    async execute({ id, task }) {
      try {
        const answer = await fetch(`${url.replace(/\/$/, "")}/execute`, {
          method: "POST",
          redirect: "error",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ task_id: id, task_type: task.type, payload: task.payload }),
          signal: AbortSignal.timeout(LIMIT_MS),
        });
        const body = await readAnswer(answer);
        if (!answer.ok) throw new Failure("worker/failed", `${node} answered with HTTP ${answer.status}`);
        const { execution_time: seconds, status, error, message } = isObject(body) ? body : {};
        if (status === "error")
          throw new Failure("worker/failed", String(error ?? message ?? `${node} failed`));
        const text = typeof message === "string" ? message : `done by ${node}`;
        return { seconds: typeof seconds === "number" ? seconds : null, result: body, message: text };
      } catch (error) {
        throw unreachable(node, error);
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
  const isLate = error instanceof Error && error.name === "TimeoutError";
  if (isLate) return new Failure("wait/timeout", `${node} did not answer within ${LIMIT_MS / 1000} s`);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return new Failure("worker/failed", `${node} cannot be reached: ${cause}`);
}

function localTarget(node: Node, port: GatewayPort, { runtimes }: RouterOptions): Target {
  return {
    isElsewhere: false,
    async execute({ id, task, caller }) {
      const mapped = Object.hasOwn(runtimes, task.type) ? runtimes[task.type] : undefined;
      const runtime = typeof mapped === "object" ? mapped[node] : mapped;
      // Nothing is mapped to it: the task is said again, which is what the older nodes did.
      if (runtime === undefined)
        return { seconds: null, result: { echo: task.payload }, message: "Task completed" };
      return runJob(port, node, runtime, { id, task, caller });
    },
  };
}

/** As a job: EDGE and CLOUD without a GPU, GPU as the runtime has it. */
async function runJob(
  port: GatewayPort,
  node: Node,
  runtime: string,
  { id, task, caller }: Execution,
): Promise<Executed> {
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
  const { id: job } = await port.call("POST /jobs", input, caller);
  const over = await untilOver(port, job, caller);
  const seconds =
    over.startedAt === null || over.finishedAt === null
      ? null
      : (Date.parse(over.finishedAt) - Date.parse(over.startedAt)) / 1000;
  if (over.state === "succeeded")
    return { seconds, result: over.output, message: `Task completed as job ${job}` };
  throw new Failure(
    "job/failed",
    `job ${job} ${over.state}${over.reason === null ? "" : `: ${over.reason.text}`}`,
  );
}

const FINISHED = ["succeeded", "failed", "cancelled"];

/** Waits for the end of a job; one that takes too long is cancelled. @throws Failure wait/timeout */
async function untilOver(port: GatewayPort, job: number, caller: Caller) {
  const late = AbortSignal.timeout(LIMIT_MS);
  for (;;) {
    const changed = nextChange(port, job, late);
    const view = await port.call("GET /jobs/:job", { job }, caller);
    if (FINISHED.includes(view.state)) {
      changed.stop();
      return view;
    }
    await changed.done;
    if (!late.aborted) continue;
    await port.call("POST /jobs/:job/cancel", { job }, caller).catch(toFailure);
    throw new Failure("wait/timeout", `job ${job} did not end within ${LIMIT_MS / 1000} s`);
  }
}

function nextChange(
  port: GatewayPort,
  job: number,
  late: AbortSignal,
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
