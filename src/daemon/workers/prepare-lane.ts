import { ensurePythonEnvironment, findPythonEnvironment } from "../../engine/python-environment.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { Failure, toFailure } from "../../std/failure.ts";
import { ensureImage } from "../containers/ensure-image.ts";
import { workerUserFor } from "../users/users.ts";
import type { World } from "../world.ts";

/** A registry that hangs must not keep a runtime from being tried again for ever; the largest images take an hour. */
const IMAGE_LIMIT_MS = 2 * 3_600_000;

/** Makes what the programs of a lane need before any start, or sees that it is there. No GPU is held meanwhile. */
export async function prepareLane(world: World, laneKey: string): Promise<void> {
  const spec = world.state().lanes.get(laneKey)?.spec;
  if (spec === undefined) return;
  try {
    await makeReady(world, world.runtimes.get(spec.runtime));
    world.report({ type: "lane-prepared", laneKey });
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "bug") world.log.error({ laneKey, err: failure.cause }, failure.message);
    world.report({ type: "lane-prepare-failed", laneKey, message: failure.sentence });
  }
}

async function makeReady(world: World, runtime: Runtime): Promise<void> {
  if (world.users !== null) workerUserFor(world.users);
  if (runtime.engine === "container") {
    const onLog = (line: string): void => world.log.debug({ runtime: runtime.name, line }, "image");
    await ensureImage(world.containers, runtime, { onLog, signal: AbortSignal.timeout(IMAGE_LIMIT_MS) });
  } else if (runtime.python?.requirementsPath) await ensurePythonEnvironment(pythonOptions(world, runtime));
}

/**
 * The interpreter of a runtime's own environment, which was made before GPUs were granted; null where it has none.
 * @throws Failure engine/unprepared when it is not there any more
 */
export async function pythonOf(world: World, runtime: Runtime): Promise<string | null> {
  if (!runtime.python?.requirementsPath) return null;
  const found = await findPythonEnvironment(pythonOptions(world, runtime));
  if (found !== null) return found.pythonPath;
  throw new Failure("engine/unprepared", `the Python environment of ${runtime.name} is not there any more`, {
    why: "it was removed, or its requirements or Python have changed",
    hint: "it is made anew by itself",
  });
}

function pythonOptions(world: World, runtime: Runtime) {
  return {
    runtimeName: runtime.name,
    requirementsPath: runtime.python?.requirementsPath ?? null,
    cacheDir: world.cacheDir,
    instanceId: world.instanceId,
    ...(world.users?.worker ? { runAs: world.users.worker.account } : {}),
    onLog: (line: string) => world.log.debug({ runtime: runtime.name, line }, "python environment"),
  };
}
