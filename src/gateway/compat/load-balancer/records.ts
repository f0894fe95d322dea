import { toFailure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import type { Exchange } from "../../port.ts";
import { isObject } from "../parse-object.ts";
import type { Balancer } from "./balancer.ts";
import type { LogRecord } from "./log-files.ts";
import type { Order } from "./prepare.ts";
import { Refusal } from "./refusal.ts";
import { requestIdOf } from "./request-id.ts";

/** Writes down what becomes of a request. */
export interface Recorder {
  asked(order: Order): void;
  dispatched(worker: number, waiting: number): void;
  done(answer: object): void;
  failed(error: unknown): void;
}

/** The balancer's own log. */
export const BALANCER_LOG = "load_balancer.jsonl";

/** The log of a worker. */
export function workerLog(worker: number, model: string): string {
  return `worker_${worker}_${model.replaceAll(/[^\w.-]/g, "_")}.jsonl`;
}

/** Begins to write down a request. */
export function beginRecord(balancer: Balancer, { request, path }: Exchange): Recorder {
  const { logs, options, port } = balancer;
  const startMs = port.clock.monotonicMs();
  let model: string | null = null;
  let session: string | null = null;
  let worker: number | null = null;
  const write = (
    level: "INFO" | "WARNING" | "ERROR",
    event: string,
    msg: string,
    more: LogRecord = {},
  ): void => {
    const record = {
      ts: new Date(port.clock.nowMs()).toISOString(),
      level,
      logger: "load_balancer",
      msg,
      event,
      correlation_id: requestIdOf(request),
      role: "balancer",
      service: "load-balancer",
      worker_id: worker === null ? "" : String(worker),
      model: model ?? "",
      ...(session === null ? {} : { session_id: session }),
      ...more,
    };
    logs.write(BALANCER_LOG, record);
    if (worker !== null && model !== null)
      logs.write(workerLog(worker, model), { ...record, logger: "worker", role: "worker" });
  };
  const http = (status: number): LogRecord => ({
    path,
    method: request.method ?? "",
    status_code: status,
    duration_ms: Math.round((port.clock.monotonicMs() - startMs) * 10) / 10,
    client_ip: request.socket.remoteAddress ?? "",
  });
  const payload = (name: string, value: Json): LogRecord =>
    options.logPayloads ? { [name]: shown(value, options.logMaxChars) } : {};
  return {
    asked(order) {
      ({ model, session } = order);
      write("INFO", "request_received", `request for ${order.model}`, payload("input", { ...order.given }));
    },
    dispatched(id, waiting) {
      worker = id;
      write("INFO", "dispatched", `worker ${id} has the request; ${waiting} wait for it`);
    },
    done(answer) {
      const duration = Math.round((port.clock.monotonicMs() - startMs) / 10) / 100;
      const more = { duration_s: duration, ...http(200), ...payload("output", { ...answer }) };
      write("INFO", "request_completed", `answered after ${duration} s`, more);
    },
    failed(error) {
      const failure = toFailure(error);
      const status = failure instanceof Refusal ? failure.status : failure.httpStatus;
      write(
        status >= 500 ? "ERROR" : "WARNING",
        "request_failed",
        failure.sentence.slice(0, 2000),
        http(status),
      );
    },
  };
}

const MEDIA = new Set(["images", "audio", "image", "data", "embedding", "embeddings"]);

/** A payload as logs show it: media are left out, long texts are cut. */
function shown(value: Json, mostChars: number): Json {
  if (typeof value === "string")
    return value.length > mostChars ? `${value.slice(0, mostChars)}... (${value.length} characters)` : value;
  if (Array.isArray(value)) return value.slice(0, 50).map((item: Json) => shown(item, mostChars));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      MEDIA.has(key) ? "[redacted]" : shown(inner, mostChars),
    ]),
  );
}
