import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerCli, type ContainerRef, callEngine } from "./container-cli.ts";
import { INSTANCE_LABEL } from "./container-runner.ts";

const CALL_DEADLINE_MS = 20_000;
const AGAIN_MS = 1_000;

/** A container as `ps` lists it. */
interface Listed {
  readonly id: string;
  readonly name: string;
}

/**
 * The containers of an instance, running or not, or null when the engine did not say.
 * @param name only the one of this name
 */
export async function listContainers(
  cli: ContainerCli,
  instanceId: string,
  name?: string,
): Promise<readonly Listed[] | null> {
  const filters = [
    `label=${INSTANCE_LABEL}=${instanceId}`,
    ...(name === undefined ? [] : [`name=^${name}$`]),
  ];
  const args = [
    "ps",
    "-a",
    "--format",
    "{{.ID}} {{.Names}}",
    ...filters.flatMap((each) => ["--filter", each]),
  ];
  const answer = await callEngine(cli, args, { deadlineMs: CALL_DEADLINE_MS });
  // An engine whose program was uninstalled runs nothing that could be asked for.
  if (answer.isMissing) return [];
  if (answer.exitCode !== 0) return null;
  return answer.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", listed = ""] = line.split(" ");
      return { id, name: listed };
    });
}

/** Kills and removes one container, by its id. Whether it worked is seen by listing again. */
export async function killContainer(cli: ContainerCli, id: string): Promise<void> {
  // podman would send TERM first and wait.
  const force = cli.kind === "podman" ? ["-f", "-t", "0"] : ["-f"];
  await callEngine(cli, ["rm", ...force, id], { deadlineMs: CALL_DEADLINE_MS });
}

/**
 * Kills and removes a worker's container, whatever state it is in. Resolves when it is surely gone: an engine that
 * does not answer is asked again for as long as it takes, since its GPU may not be granted before.
 */
export async function removeSurely(ref: ContainerRef, instanceId: string): Promise<void> {
  for (;;) {
    const found = await listContainers(ref, instanceId, ref.name);
    if (found?.length === 0) return;
    for (const { id } of found ?? []) await killContainer(ref, id);
    if (found === null) await sleep(AGAIN_MS, undefined, { ref: false });
  }
}
