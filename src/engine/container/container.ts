import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../../std/assert.ts";
import type { Clock } from "../../std/clock.ts";
import type { Engine, Exit, Launch, ProcessIdentity } from "../engine.ts";
import type { ContainerRef } from "./container-cli.ts";
import { readContainerFile, writeContainerFile } from "./container-file.ts";
import { containerRunner, ENDED_MARK } from "./container-runner.ts";
import type { EndedContainers } from "./ended-containers.ts";
import { removeSurely } from "./remove-container.ts";
import { type ContainerStop, stopContainer } from "./stop-container.ts";

export interface ContainerEngineOptions {
  /** Runs what is no container, and the supervisors of containers. */
  readonly processes: Engine;
  readonly instanceId: string;
  readonly clock: Clock;
  /** Called before the first container of an engine is started. */
  readonly note: (ref: ContainerRef) => void;
  readonly ended: EndedContainers;
}

/**
 * Runs containers and plain processes alike: a worker whose launch names a container is one, and its control folder says
 * so from then on. A container is a supervised process, the engine's own client in the foreground; so logs, exit records
 * and adoption are those of processes, and what this adds is that nothing is concluded before the container is gone.
 */
export function createContainerEngine(options: ContainerEngineOptions): Engine {
  const { processes, clock } = options;
  const ends = new Map<string, Promise<Exit>>();
  const stops = new Map<string, ContainerStop>();

  const exited = (dir: string, identity: ProcessIdentity, ref: ContainerRef): Promise<Exit> => {
    const known = ends.get(dir);
    if (known !== undefined) return known;
    const end = processes.exited(dir, identity).then(async (exit) => {
      await ensureEnded(dir, ref, options);
      ends.delete(dir);
      stops.delete(dir);
      return exit;
    });
    ends.set(dir, end);
    return end;
  };

  const stop = async (dir: string, identity: ProcessIdentity, graceMs: number, ref: ContainerRef) => {
    const gone = exited(dir, identity, ref);
    const known = stops.get(dir);
    known?.hasten(clock.monotonicMs() + graceMs);
    const killProcesses = (): void => void processes.ensureStopped(dir, identity, 0);
    if (known === undefined) stops.set(dir, stopContainer({ ref, graceMs, gone, killProcesses, clock }));
    return gone;
  };

  return {
    name: "process",
    start: (launch) =>
      launch.container === undefined ? processes.start(launch) : startContainer(options, launch),
    exited(dir, identity) {
      const ref = readContainerFile(dir);
      return ref === null ? processes.exited(dir, identity) : exited(dir, identity, ref);
    },
    ensureStopped(dir, identity, graceMs) {
      const ref = readContainerFile(dir);
      return ref === null
        ? processes.ensureStopped(dir, identity, graceMs)
        : stop(dir, identity, graceMs, ref);
    },
    members: async (dir, identity) =>
      readContainerFile(dir) === null ? processes.members(dir, identity) : null,
    async inspect(dir, workerId) {
      const ref = readContainerFile(dir);
      const remains = await processes.inspect(dir, workerId);
      if (ref !== null && remains.kind !== "running") await ensureEnded(dir, ref, options);
      return remains;
    },
    labelled: (wantedInstanceId) => processes.labelled(wantedInstanceId),
    kill: (identity) => processes.kill(identity),
  };
}

function startContainer(
  { processes, instanceId, note }: ContainerEngineOptions,
  launch: Launch,
): Promise<ProcessIdentity> {
  const ref = must(launch.container, "a container has its name");
  note(ref);
  writeContainerFile(launch, ref);
  return processes.start({
    ...launch,
    argv: containerRunner(ref, launch.dir, instanceId, launch.argv),
    env: ref.env,
  });
}

/**
 * The runner knows of most containers that they have ended; what is left of them costs nothing but its name, and nobody
 * waits until that is removed. Of one whose runner was killed nothing is known.
 */
async function ensureEnded(
  dir: string,
  ref: ContainerRef,
  { instanceId, ended }: ContainerEngineOptions,
): Promise<void> {
  const mark = join(dir, ENDED_MARK);
  if (existsSync(mark)) return ended.removeSoon(ref);
  await removeSurely(ref, instanceId);
  try {
    writeFileSync(mark, "");
  } catch {
    // A full disk or a removed folder: it is asked once more then.
  }
}
