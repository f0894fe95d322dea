import { Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";

/** An answer that clients of the load balancer know: a status, and what stands in `detail`. */
export class Refusal extends Failure {
  readonly status: number;
  readonly detail: Json;
  /** When it may be tried again; null = nobody knows. */
  readonly retryAfterS: number | null;

  constructor(status: number, detail: Json, retryAfterS: number | null = null) {
    super("request/malformed", typeof detail === "string" ? detail : JSON.stringify(detail));
    this.status = status;
    this.detail = detail;
    this.retryAfterS = retryAfterS;
  }
}

/** Nobody serves the model. */
export function noWorkers(model: string): Refusal {
  return new Refusal(503, `No workers available for model '${model}'.`);
}

/** A worker broke off. */
export function badGateway(worker: number): Refusal {
  return new Refusal(502, `Bad Gateway: Error communicating with worker ${worker}.`);
}

/** A worker took too long. */
export function tooSlow(worker: number): Refusal {
  return new Refusal(504, `Request to worker ${worker} timed out.`);
}
