import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerRef, callEngine } from "./container-cli.ts";
import { listContainers } from "./remove-container.ts";

/** Containers that have ended and hold nothing any more but their names. */
export interface EndedContainers {
  /** Removes one soon: at once would take time from the next worker, which is just being started. */
  removeSoon(ref: ContainerRef): void;
  /** Removes now what is left to be removed. Never rejects. */
  flush(): Promise<void>;
}

const DELAY_MS = 2_000;
const DEADLINE_MS = 5_000;
/** Right after its end the engine may take a container for running. */
const TRIES = 4;
const AGAIN_MS = 200;

/** None yet. What a daemon does not get to, or cannot remove, is swept by the next one. */
export function createEndedContainers(instanceId: string): EndedContainers {
  const left = new Map<string, ContainerRef>();
  let timer: NodeJS.Timeout | null = null;
  const flush = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    let mine = [...left.values()];
    left.clear();
    for (let tries = 0; tries < TRIES && mine.length > 0; tries++) {
      if (tries > 0) await sleep(AGAIN_MS);
      mine = await removeAll(mine, instanceId);
    }
  };
  return {
    flush,
    removeSoon(ref) {
      left.set(ref.name, ref);
      timer ??= setTimeout(() => void flush(), DELAY_MS).unref();
    },
  };
}

/** Those that are still there. */
async function removeAll(refs: readonly ContainerRef[], instanceId: string): Promise<ContainerRef[]> {
  // Nearly always one engine, and one call of it.
  const engines = new Map(refs.map((ref) => [ref.command.join("\0"), ref]));
  const remaining = [...engines].map(async ([key, engine]) => {
    const own = refs.filter(({ command }) => command.join("\0") === key);
    const names = own.map(({ name }) => name);
    const { exitCode } = await callEngine(engine, ["rm", ...names], { deadlineMs: DEADLINE_MS });
    const found = exitCode === 0 ? [] : await listContainers(engine, instanceId);
    return own.filter(({ name }) => found?.some((listed) => listed.name === name) ?? true);
  });
  return (await Promise.all(remaining)).flat();
}
