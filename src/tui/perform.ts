import { jobSentence } from "../cli/text/job-text.ts";
import { workerSentence } from "../cli/text/worker-text.ts";
import type { Client } from "../client/client.ts";
import type { JobView } from "../protocol/views.ts";
import { toFailure } from "../std/failure.ts";
import type { Order } from "./state/orders.ts";
import type { Role } from "./text/look.ts";

/** Orders to the daemon. The others are the screen's own affair. */
export type DaemonOrder = Extract<
  Order,
  { readonly type: "jobs" | "priority" | "pin" | "stop-worker" | "switch" }
>;

/** Whether an order goes to the daemon. */
export function isForDaemon(order: Order): order is DaemonOrder {
  return ["jobs", "priority", "pin", "stop-worker", "switch"].includes(order.type);
}

export interface Said {
  readonly text: string;
  readonly role: Role;
}

/** A switch waits for its GPU, which may be working. */
const SWITCH_TIMEOUT_MS = 3_600_000;
/** So many requests are on their way at once when many jobs are marked. */
const AT_ONCE = 8;

const routes = {
  cancel: "POST /jobs/:job/cancel",
  retry: "POST /jobs/:job/retry",
  hold: "POST /jobs/:job/hold",
  release: "POST /jobs/:job/release",
} as const;

/** Has the daemon do it, and says in one sentence what came of it. Never rejects. */
export async function perform(client: Client, order: DaemonOrder): Promise<Said> {
  try {
    return await send(client, order);
  } catch (error) {
    const failure = toFailure(error);
    const hint = failure.hint === undefined ? "" : ` (try: ${failure.hint})`;
    return { text: `${failure.sentence}${hint}`, role: "bad" };
  }
}

async function send(client: Client, order: DaemonOrder): Promise<Said> {
  switch (order.type) {
    case "jobs":
      return forEach(order.jobs, order.what, (job) => client.call(routes[order.what], { job }));
    case "priority":
      return forEach(order.jobs, "change", ({ id, priority }) =>
        client.call("POST /jobs/:job/update", { job: id, priority }),
      );
    case "pin": {
      const { worker, pinned } = order;
      await client.call("POST /workers/:worker/pin", { worker, pinned });
      return { text: `worker ${worker} is ${pinned ? "pinned" : "no longer pinned"}`, role: "good" };
    }
    case "stop-worker":
      return told(workerSentence(await client.call("POST /workers/:worker/stop", { worker: order.worker })));
    default: {
      const gpu = order.gpu === null ? {} : { gpu: order.gpu };
      const input = { runtime: order.runtime, params: {}, ...gpu };
      return told(
        workerSentence(await client.call("POST /workers/switch", input, { timeoutMs: SWITCH_TIMEOUT_MS })),
      );
    }
  }
}

function told(text: string): Said {
  return { text, role: "good" };
}

/** One that is refused does not keep the others from it. */
async function forEach<T>(
  all: readonly T[],
  what: string,
  call: (each: T) => Promise<JobView>,
): Promise<Said> {
  const done: JobView[] = [];
  const refused: string[] = [];
  const left = [...all];
  const work = async (): Promise<void> => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) {
      try {
        done.push(await call(each));
      } catch (error) {
        refused.push(toFailure(error).sentence);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, all.length) }, work));
  const [first] = refused;
  if (first !== undefined && done.length === 0)
    return { text: refused.length > 1 ? `${first}, and ${refused.length - 1} more` : first, role: "bad" };
  if (first !== undefined)
    return { text: `${what}: ${done.length} of ${all.length}; ${first}`, role: "warn" };
  const [job] = done;
  if (done.length === 1 && job !== undefined) {
    const priority = what === "change" ? `, priority ${job.priority}` : "";
    return told(`${jobSentence(job)}${priority}`);
  }
  return told(`${what}: ${done.length} jobs`);
}
