import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProcessEngine } from "../../src/engine/process.ts";
import { runAsUser } from "../../src/engine/run-as.ts";
import { systemClock } from "../../src/std/clock.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";

const { ada } = users;
const why = whyNoUsers();
const runAs = { setpriv: "/usr/bin/setpriv", uid: ada.uid, gid: ada.gid };

describe("what runs a program as a user", () => {
  it("has no variable of the user's among its own, and no value in its arguments", () => {
    const env = {
      LD_PRELOAD: "/evil.so",
      PATH: "/evil",
      TOKEN: "hush",
      "BASH_FUNC_printf%%": "() { evil; }",
    };
    const { argv, env: given } = runAsUser(runAs, { argv: ["true"], env, cwd: "/" });
    expect(given).toEqual({
      ORCH_VAR_0: "LD_PRELOAD=/evil.so",
      ORCH_VAR_1: "PATH=/evil",
      ORCH_VAR_2: "TOKEN=hush",
    });
    expect(argv.join(" ")).not.toMatch(/evil|hush/);
  });
});

describe.skipIf(why !== null)(`a program of a user${why === null ? "" : ` (skipped: ${why})`}`, () => {
  const run = async (argv: readonly string[], env: Readonly<Record<string, string>>, cwd = "/") => {
    const root = mkdtempSync(join(tmpdir(), "orch-run-as-"));
    try {
      const engine = createProcessEngine({ instanceId: "run-as-test", clock: systemClock });
      const dir = join(root, "control");
      const logPath = join(root, "log");
      const identity = await engine.start({ workerId: 1, argv, env, cwd, dir, logPath, runAs });
      const { exitCode } = await engine.exited(dir, identity);
      const { uid, mode } = statSync(logPath);
      return { exitCode, log: readFileSync(logPath, "utf8"), uid, mode: mode & 0o777 };
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  };
  const PATH = "/usr/bin:/bin";

  it("gets its words and variables as they are, whatever is in them", async () => {
    const odd = `it's "$(id)" \`id\` \\ *\n$HOME`;
    const script = 'printf "%s|" "$0" "$@" "$ODD" "$EMPTY"; umask';
    const env = { PATH, ODD: odd, EMPTY: "", IFS: "x", OPTIND: "no number", PPID: "1" };
    const { exitCode, log, uid, mode } = await run(["sh", "-c", script, odd, "-n", ""], env);
    expect([exitCode, log]).toEqual([0, `${odd}|-n||${odd}||0022\n`]);
    expect([uid, mode]).toEqual([ada.uid, 0o600]);
  });

  it.each([
    ["is not there", ["no-such-program"], "/", 127, "orch: no-such-program: no such program\n"],
    [
      "has a folder that is not there",
      ["true"],
      "/nowhere",
      126,
      "orch: the user of this job cannot enter /nowhere\n",
    ],
    [
      "has a folder closed to the user",
      ["true"],
      "/root",
      126,
      "orch: the user of this job cannot enter /root\n",
    ],
    ["ends by itself", ["sh", "-c", "exit 9"], "/", 9, ""],
    ["ends by a signal", ["sh", "-c", "kill -TERM $$"], "/", 143, ""],
  ])("that %s ends with a code and a sentence that say so", async (_what, argv, cwd, exitCode, log) => {
    expect(await run(argv, { PATH }, cwd)).toMatchObject({ exitCode, log });
  });

  it("gets a large environment whole", async () => {
    const env = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`V${n}`, "x".repeat(1000)]));
    const { log } = await run(["sh", "-c", "env | grep -c '^V[0-9]*=x'"], { PATH, ...env });
    expect(log).toBe("400\n");
  });
});
