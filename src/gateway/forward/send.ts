import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher, Pool } from "undici";

/** A request to a worker's server. */
export interface WorkerRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | Readable | null;
}

/** Takes the answer of a worker's server as it comes. What one of these throws ends the request, and `send` rejects with it. */
export interface AnswerTaker {
  head(status: number, headers: IncomingHttpHeaders): void;
  /** `goOn` is to be called once more may come, after false was given. */
  data(chunk: Buffer, goOn: () => void): boolean;
}

/** Why an answer did not come to its end. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
  /** Whether its head had come. */
  readonly hasBegun: boolean;

  constructor(message: string, hasBegun: boolean) {
    super(message);
    this.hasBegun = hasBegun;
  }
}

/**
 * Sends a request and hands over what comes back, piece by piece. Resolves at the end of the answer.
 * @throws BrokenOff; the reason of the signal; what the taker threw
 */
export function send(
  pool: Pool,
  request: WorkerRequest,
  taker: AnswerTaker,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    let thrown: unknown;
    let controller: Dispatcher.DispatchController | null = null;
    const abort = (): void => controller?.abort(new Error("the caller has gone"));
    const stop = (error: unknown): void => {
      thrown = error;
      controller?.abort(new Error("the answer is not wanted any more"));
    };
    const over = (): void => signal.removeEventListener("abort", abort);
    const goOn = (): void => controller?.resume();
    signal.addEventListener("abort", abort);
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started;
        if (signal.aborted) abort();
      },
      onResponseStart(_started, status, headers) {
        // 103 and the like come before it.
        if (status < 200) return;
        hasBegun = true;
        attempt(stop, () => taker.head(status, headers));
      },
      onResponseData(started, chunk) {
        attempt(stop, () => {
          if (!taker.data(chunk, goOn)) started.pause();
        });
      },
      onResponseEnd() {
        over();
        resolve();
      },
      onResponseError(_started, error) {
        over();
        if (thrown !== undefined) return void reject(thrown);
        if (signal.aborted) return void reject(signal.reason);
        reject(new BrokenOff(error.message, hasBegun));
      },
    };
    const { method, path, body } = request;
    pool.dispatch({ method, path, headers: { ...request.headers }, body }, handler);
  });
}

function attempt(stop: (error: unknown) => void, act: () => void): void {
  try {
    act();
  } catch (error) {
    stop(error);
  }
}
