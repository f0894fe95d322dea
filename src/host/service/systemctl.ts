import type { Environment } from "../../config/paths.ts";
import { Failure } from "../../std/failure.ts";
import { type Answer, askProgram, lastWords } from "../ask-program.ts";
import type { ServiceScope } from "./scope.ts";

/** The one door to systemd. */
export interface Systemctl {
  /** Runs a verb that has to work. @throws Failure service/unavailable, service/failed */
  call(...args: readonly string[]): Promise<string>;
  /** Asks; what it says counts, whatever the exit code is. */
  ask(...args: readonly string[]): Promise<Answer>;
  /** The major version; 0 when it does not say. */
  version(): Promise<number>;
}

/** Starting waits until the daemon serves, stopping until it has put away what it has. */
const DEADLINE_MS = 6 * 60_000;

/** systemctl of the scope's manager. @param deadlineMs how long one call may take */
export function createSystemctl(
  { kind, flags }: Pick<ServiceScope, "kind" | "flags">,
  env: Environment,
  deadlineMs = DEADLINE_MS,
): Systemctl {
  const ask = (...args: readonly string[]): Promise<Answer> =>
    askProgram(["systemctl", ...flags, ...args], { env: { ...env, SYSTEMD_COLORS: "0" }, deadlineMs });
  return {
    ask,
    async call(...args) {
      const answer = await ask("--no-ask-password", ...args);
      if (answer.exitCode === 0) return answer.stdout;
      if (answer.trouble === "missing") {
        throw new Failure("service/unavailable", "systemctl is not installed", {
          why: "services are run by systemd here",
          hint: "orch service install --print shows the units; orch up starts a daemon without them",
        });
      }
      throw new Failure("service/failed", `systemctl ${args.join(" ")} failed`, {
        why: lastWords("systemctl", answer, deadlineMs),
        hint:
          kind === "user"
            ? "systemctl --user status orch"
            : "systemctl status orch; journalctl -u orch -n 20",
      });
    },
    async version() {
      const answer = await ask("--version");
      return Number(/^systemd (\d+)/.exec(answer.stdout)?.[1] ?? 0);
    },
  };
}
