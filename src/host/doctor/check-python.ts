import { askProgram, lastWords } from "../ask-program.ts";
import { type Check, ok, warn } from "./finding.ts";

const DEADLINE_MS = 8_000;
const SCRIPT = 'import sys, venv, ensurepip; print("%d.%d.%d" % sys.version_info[:3])';

/** Handlers are Python; runtimes with requirements get a virtual environment each. */
export const checkPython: Check = {
  name: "python",
  async look({ env }) {
    const answer = await askProgram(["python3", "-c", SCRIPT], { env, deadlineMs: DEADLINE_MS });
    if (answer.exitCode === 0) return [ok("python", `Python ${answer.stdout.trim()} with venv`)];
    const isThere = answer.trouble !== "missing";
    const fix = isThere ? "apt-get install python3-venv" : "apt-get install python3 python3-venv";
    const what = isThere ? "python3 cannot make virtual environments" : "there is no python3";
    return [
      warn(
        "python",
        `${what}; handlers in Python cannot run`,
        lastWords("python3", answer, DEADLINE_MS),
        fix,
      ),
    ];
  },
};
