import { execa } from "execa";
import { errnoOf } from "../../std/failure.ts";

/** How containers are run: plain data, so that a later daemon finds a worker by what its own start wrote down. */
export interface ContainerCli {
  /** What the program really is, whatever its name. */
  readonly kind: "docker" | "podman";
  /** Absolute path of the program and the arguments that come before every verb. */
  readonly command: readonly string[];
  /** The environment of the program: enough to find the engine again. */
  readonly env: Readonly<Record<string, string>>;
}

/** The container of one worker. */
export interface ContainerRef extends ContainerCli {
  readonly name: string;
}

/** What a call of the engine came to. */
export interface CliAnswer {
  /** Null when it did not answer in time, could not be run, or was called off. */
  readonly exitCode: number | null;
  readonly stdout: string;
  /** Its last words, one line. */
  readonly words: string;
  /** The program itself is not there. */
  readonly isMissing: boolean;
}

/** What the engine's command line may need of the daemon's environment to find the engine. */
const ENGINE_VARIABLES = [
  "PATH",
  "HOME",
  "XDG_RUNTIME_DIR",
  "XDG_DATA_HOME",
  "XDG_CONFIG_HOME",
  "TMPDIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_CERT_PATH",
  "DOCKER_TLS_VERIFY",
  "CONTAINER_HOST",
  "CONTAINERS_CONF",
  "CONTAINERS_STORAGE_CONF",
  "REGISTRY_AUTH_FILE",
];
const WORDS_MAX = 300;

/** The part of the daemon's environment that the engine's command line gets. */
export function engineEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ENGINE_VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
}

interface CallOptions {
  /** From now; the program is killed then. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs one verb of the engine. Never rejects: an engine that hangs is one answer that did not come.
 * @param args verb and arguments
 */
export async function callEngine(
  { command, env }: Pick<ContainerCli, "command" | "env">,
  args: readonly string[],
  { deadlineMs, signal }: CallOptions,
): Promise<CliAnswer> {
  const [program = "", ...before] = command;
  const { exitCode, stdout, stderr, timedOut, shortMessage, cause } = await execa(
    program,
    [...before, ...args],
    {
      env,
      extendEnv: false,
      reject: false,
      stdin: "ignore",
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    },
  );
  const late = timedOut ? `it did not answer within ${Math.round(deadlineMs / 1000)} s` : null;
  return {
    exitCode: exitCode ?? null,
    stdout: stdout ?? "",
    words: late ?? (lastWords(stderr ?? "") || (exitCode === undefined ? (shortMessage ?? "") : "")),
    isMissing: errnoOf(cause) === "ENOENT",
  };
}

function lastWords(text: string): string {
  const line = text
    .split("\n")
    .filter((each) => each.trim() !== "")
    .at(-1);
  return (line ?? "").trim().slice(0, WORDS_MAX);
}
