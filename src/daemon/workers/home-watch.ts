import { homeLanes } from "../../operations/home-lanes.ts";
import type { Registry } from "../../runtime/discover.ts";
import type { Request } from "../../scheduler/events.ts";

/** Some file status calls, so often that an edit of replicas.min is heeded while its author still looks. */
const LOOK_AGAIN_MS = 2_000;

export interface HomeWatch {
  /** Looks now, and declares the home state if it is another than last time. */
  look(): Promise<void>;
  stop(): void;
}

/**
 * Tells the scheduler which workers this host keeps, now and whenever a runtime.yaml says otherwise.
 * @param ask puts a request before the scheduler; one that fails is repeated with the next look
 */
export function watchHome(
  runtimes: Pick<Registry, "list">,
  ask: (request: Request) => Promise<unknown>,
): HomeWatch {
  // A daemon that keeps nothing has nothing to say, unless an earlier one did.
  let declared: string | null = null;
  const look = async (): Promise<void> => {
    const lanes = homeLanes(runtimes.list());
    const text = JSON.stringify(lanes);
    if (text === declared) return;
    declared = text;
    await ask({ type: "declare-home", lanes }).catch(() => {
      declared = null;
    });
  };
  const timer = setInterval(() => void look(), LOOK_AGAIN_MS);
  timer.unref();
  return { look, stop: () => clearInterval(timer) };
}
