import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readStat } from "../../src/engine/identity.ts";
import type { EngineFixture } from "../kit/engine-fixture.ts";
import { createEngineFixture } from "../kit/engine-fixture.ts";

let fixture: EngineFixture;
beforeEach(() => {
  fixture = createEngineFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function runToEnd(argv: readonly string[], env: Record<string, string> = {}) {
  const identity = await fixture.engine.start(fixture.launch(1, argv, env));
  return fixture.engine.exited(fixture.dirOf(1), identity);
}

describe("a program's end", () => {
  test("its exit code is recorded", async () => {
    expect(await runToEnd(["sh", "-c", "exit 7"])).toEqual({ exitCode: 7, detail: null });
    expect(readFileSync(join(fixture.dirOf(1), "exit"), "utf8")).toBe("exit 7\n");
  });

  test("a signal counts as 128 + its number and is named", async () => {
    expect(await runToEnd(["sh", "-c", "kill -SEGV $$"])).toEqual({
      exitCode: 139,
      detail: "ended by SIGSEGV",
    });
  });

  test("a second question gives the same answer, also from another engine", async () => {
    const identity = await fixture.engine.start(fixture.launch(1, ["sh", "-c", "exit 3"]));
    const first = await fixture.engine.exited(fixture.dirOf(1), identity);
    expect(await fixture.engine.exited(fixture.dirOf(1), identity)).toEqual(first);
    expect(await fixture.engine.ensureStopped(fixture.dirOf(1), identity, 10)).toEqual(first);
    expect(await fixture.restart().exited(fixture.dirOf(1), identity)).toEqual(first);
  });

  test("a program that is not there ends with 127 and says so in its log", async () => {
    expect((await runToEnd(["no-such-program", "--x"])).exitCode).toBe(127);
    expect(fixture.logOf(1)).toContain("no-such-program: no such program");
  });

  test("a file that may not be run ends with 126", async () => {
    const path = join(fixture.root, "data.txt");
    writeFileSync(path, "not a program", { mode: 0o644 });
    expect((await runToEnd([path])).exitCode).toBe(126);
  });

  test.each(["exit", "exec", "trap", "eval"])("the shell's builtin %s is not a program", async (name) => {
    expect((await runToEnd([name, "0"])).exitCode).toBe(127);
  });
});

describe("a program's surroundings", () => {
  test("arguments arrive as they are, whatever a shell would make of them", async () => {
    const odd = ["a b", "", "$HOME", "`id`", "; exit 9", "'\"", "*", "-n"];
    await runToEnd(["python3", "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", ...odd]);
    expect(JSON.parse(fixture.logOf(1))).toEqual(odd);
  });

  test("the environment is the one of the launch plus the labels", async () => {
    process.env["ORCH_TEST_DAEMON_SECRET"] = "x";
    await runToEnd(["env"], { HELLO: "world" });
    delete process.env["ORCH_TEST_DAEMON_SECRET"];
    const names = fixture.logOf(1).trim().split("\n");
    expect(names).toContain("HELLO=world");
    expect(names).toContain("ORCH_WORKER=1");
    expect(names).toContain(`ORCH_INSTANCE=${fixture.instanceId}`);
    expect(fixture.logOf(1)).not.toContain("ORCH_TEST_DAEMON_SECRET");
    expect(fixture.logOf(1)).not.toContain("_orch_");
  });

  test("stdout and stderr are appended to the log, stdin is empty, the folder is the launch's", async () => {
    await runToEnd(["sh", "-c", "cat; echo out; echo err >&2; pwd"]);
    expect(fixture.logOf(1)).toBe(`out\nerr\n${fixture.root}\n`);
  });

  test("it leads a session and a group of its own", async () => {
    const identity = await fixture.engine.start(fixture.launch(1, ["sleep", "60"]));
    const stat = readStat(identity.pid);
    expect([stat?.sessionId, stat?.groupId]).toEqual([identity.pid, identity.pid]);
    expect(stat?.startTicks).toBe(identity.startTicks);
  });

  test("signals have their default meaning in the program, though the supervisor traps them", async () => {
    await runToEnd(["python3", "-c", "import signal; print(signal.getsignal(15), signal.getsignal(1))"]);
    expect(fixture.logOf(1)).toBe("0 0\n");
  });
});

describe("a start that fails", () => {
  test("a missing working directory is a failure with its reason", async () => {
    const launch = { ...fixture.launch(1, ["true"]), cwd: join(fixture.root, "nowhere") };
    await expect(fixture.engine.start(launch)).rejects.toMatchObject({
      code: "engine/failed",
      message: expect.stringContaining("nowhere"),
    });
    expect(await fixture.engine.inspect(launch.dir, 1)).toEqual({ kind: "never-started" });
  });

  test("an environment that no program can have is a failure", async () => {
    const launch = fixture.launch(1, ["true"], { BAD: "a\0b" });
    await expect(fixture.engine.start(launch)).rejects.toMatchObject({ code: "engine/failed" });
  });

  test("a control folder serves one start", async () => {
    await runToEnd(["true"]);
    const marker = join(fixture.root, "ran-twice");
    await expect(fixture.engine.start(fixture.launch(1, ["touch", marker]))).rejects.toMatchObject({
      code: "engine/failed",
    });
    expect(existsSync(marker)).toBe(false);
  });
});

test("hundreds of short programs all report their own code", async () => {
  const codes = await Promise.all(
    Array.from({ length: 150 }, async (_, index) => {
      const identity = await fixture.engine.start(fixture.launch(index, ["sh", "-c", `exit ${index % 100}`]));
      return (await fixture.engine.exited(fixture.dirOf(index), identity)).exitCode;
    }),
  );
  expect(codes).toEqual(Array.from({ length: 150 }, (_, index) => index % 100));
});
