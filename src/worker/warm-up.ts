import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { createArtifactFolder } from "./artifact-folder.ts";
import { saysOutOfMemory } from "./out-of-memory.ts";
import type { Health } from "./protocol.ts";
import { Refused } from "./service-connection.ts";
import { failed, ready, starting } from "./service-health.ts";
import type { ServiceDialect } from "./service-protocol.ts";

/** A first job whose result nobody wants. */
export interface WarmUp {
  /** Starts it unless it runs or is done; says how far it is, without waiting for it. Tried again after trouble. */
  check(params: Readonly<Record<string, Json>>): Health;
  /** The next check tries anew: the server was woken. */
  reset(): void;
}

const WORKING = "the server works on its first request";

/** Refusals that have to do with the moment, not with the request. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/**
 * Many servers load their model with the first request, while their health pages say that all is well. So a small job
 * is run before the first real one; it takes as long as it takes, over many probes.
 */
export function createWarmUp(run: ServiceDialect["run"]): WarmUp {
  let state: Health | null = null;
  let isRunning = false;
  const start = async (params: Readonly<Record<string, Json>>): Promise<void> => {
    isRunning = true;
    state = await attempt(run, params);
    isRunning = false;
  };
  return {
    check(params) {
      if (state?.status === "ready" || state?.status === "failed") return state;
      if (!isRunning) void start(params);
      return state ?? starting(WORKING);
    },
    reset() {
      state = null;
    },
  };
}

/** Never rejects. */
async function attempt(run: ServiceDialect["run"], params: Readonly<Record<string, Json>>): Promise<Health> {
  let dir: string | null = null;
  try {
    dir = await mkdtemp(join(tmpdir(), "orch-warm-up-"));
    const folder = createArtifactFolder(dir, () => undefined);
    const { signal } = new AbortController();
    await run({ key: "orch-warm-up", headers: {}, params, folder, signal, onEvent: () => undefined });
    return ready;
  } catch (error) {
    return healthOf(error);
  } finally {
    if (dir !== null) await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A request that is wrong stays wrong, and so does a GPU that is too small; all else may pass. */
function healthOf(error: unknown): Health {
  const message = error instanceof Failure ? error.sentence : String(error);
  const detail = `its first request failed: ${message}`;
  const isFinal = error instanceof Refused && error.status < 500 && !PASSING.has(error.status);
  return isFinal || saysOutOfMemory(message) ? failed(detail) : starting(detail);
}
