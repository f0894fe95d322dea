/** A signal that aborts after a time, or with another one. */
export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** It aborted since the time was over. */
  isLate(): boolean;
  /** It is not needed any more. */
  end(): void;
}

/**
 * As AbortSignal.any([signal, AbortSignal.timeout(ms)]), which in Node 20 never aborts once the collector has been there: it
 * does not keep the signals that it is made of.
 */
export function startDeadline(ms: number, signal?: AbortSignal): DeadlineSignal {
  const controller = new AbortController();
  let isLate = false;
  const follow = (): void => controller.abort(signal?.reason);
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort(new Error("the time is over"));
  }, ms);
  timer.unref();
  if (signal?.aborted === true) follow();
  else signal?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    isLate: () => isLate,
    end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", follow);
    },
  };
}
