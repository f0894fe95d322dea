import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerCli } from "./container-cli.ts";
import { killContainer, listContainers } from "./remove-container.ts";

/** Which engines this state directory has ever run containers by: a later daemon looks for orphans there alone. */
export interface ContainerLedger {
  /** Notes an engine before its first container is started. @throws the system's error when that cannot be written */
  note(cli: ContainerCli): void;
  /**
   * Removes the containers of this instance that no worker owns. An engine that does not answer soon is left for
   * later, and asked again in the background: programs that need no container are not kept waiting for it.
   * @returns the names of those that were removed before it returned
   */
  sweep(options: SweepOptions): Promise<readonly string[]>;
}

export interface SweepOptions {
  readonly instanceId: string;
  /** Whether the container of this name is a worker's. */
  readonly isOwned: (name: string) => boolean;
  /** Called for each engine that did not answer. */
  readonly onSilence: (cli: ContainerCli) => void;
}

const SILENCE_MS = 3_000;
const AGAIN_MS = 2_000;

/** The ledger in `file`. */
export function openContainerLedger(file: string): ContainerLedger {
  const known = read(file);
  return {
    note({ kind, command, env }) {
      const cli = { kind, command, env };
      if (known.some((each) => JSON.stringify(each) === JSON.stringify(cli))) return;
      writeFileSync(`${file}.new`, JSON.stringify([...known, cli]), { mode: 0o600, flush: true });
      renameSync(`${file}.new`, file);
      known.push(cli);
    },
    async sweep(options) {
      const swept = await Promise.all(known.map((cli) => sweepOne(cli, options)));
      return swept.flat();
    },
  };
}

function read(file: string): ContainerCli[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ContainerCli[];
  } catch {
    // None was ever run, or the host went down while it was written for the first time, before any was.
    return [];
  }
}

async function sweepOne(cli: ContainerCli, options: SweepOptions): Promise<readonly string[]> {
  const first = removeOrphans(cli, options);
  const late = sleep(SILENCE_MS, null, { ref: false });
  const names = await Promise.race([first, late]);
  if (names !== null) return names;
  options.onSilence(cli);
  void sweepUntilDone(cli, options, first);
  return [];
}

async function sweepUntilDone(
  cli: ContainerCli,
  options: SweepOptions,
  first: Promise<unknown>,
): Promise<void> {
  let names = await first;
  while (names === null) {
    await sleep(AGAIN_MS, undefined, { ref: false });
    names = await removeOrphans(cli, options);
  }
}

/** The names of what was removed, or null when the engine did not answer. */
async function removeOrphans(
  cli: ContainerCli,
  { instanceId, isOwned }: SweepOptions,
): Promise<readonly string[] | null> {
  const found = await listContainers(cli, instanceId);
  if (found === null) return null;
  const orphans = found.filter(({ name }) => !isOwned(name));
  if (orphans.length === 0) return [];
  for (const { id } of orphans) await killContainer(cli, id);
  const left = await listContainers(cli, instanceId);
  return left?.every(({ name }) => isOwned(name)) ? orphans.map(({ name }) => name) : null;
}
