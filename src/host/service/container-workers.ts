import type { Environment } from "../../config/paths.ts";
import { INSTANCE_LABEL } from "../../engine/container/container-runner.ts";
import { Failure } from "../../std/failure.ts";
import { askProgram } from "../ask-program.ts";

const DEADLINE_MS = 10_000;

/**
 * Refuses to have systemd read its units again while containers of orch run. Where systemd keeps the control groups, it then
 * writes their device rules anew, without the GPUs that the container engine had let in: programs in containers fail with
 * "Failed to initialize NVML: Unknown Error" until they are started again.
 * @throws Failure worker/state
 */
export async function refuseWhileContainersRun(env: Environment, again: string): Promise<void> {
  const engines = await Promise.all(["docker", "podman"].map((engine) => runningIn(engine, env)));
  const names = new Set(engines.flatMap((each) => each ?? []));
  const isUnknown = engines.includes(null);
  if (names.size === 0 && !isUnknown) return;
  throw new Failure(
    "worker/state",
    names.size === 0
      ? "a container engine does not say which containers run"
      : `${names.size} ${names.size === 1 ? "container" : "containers"} of orch run: ${[...names].join(", ")}`,
    {
      why: "systemctl daemon-reload can take the GPUs away from containers that run; they would have to be started again",
      hint: `wait until they have ended (orch workers), or: ${again} --yes`,
    },
  );
}

/** The names of orch's containers that run; null when the engine hangs. One that is not there or not up runs none. */
async function runningIn(engine: string, env: Environment): Promise<readonly string[] | null> {
  const command = [engine, "ps", "--filter", `label=${INSTANCE_LABEL}`, "--format", "{{.Names}}"];
  const { exitCode, stdout, trouble } = await askProgram(command, { env, deadlineMs: DEADLINE_MS });
  if (trouble === "late") return null;
  return exitCode === 0 ? stdout.split("\n").filter((name) => name !== "") : [];
}
