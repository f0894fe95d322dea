import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listen } from "../../client/socket-server.ts";
import { installProgram, shell } from "../program.ts";

// The program as shells call it: it must be quick, silent and start nothing.
let program: Awaited<ReturnType<typeof installProgram>>;
beforeAll(async () => {
  program = await installProgram();
});
afterAll(() => program[Symbol.dispose]());

const run = (line: string, socket: string) =>
  shell(line, { HOME: "/nonexistent", ORCH_SOCKET: socket, ORCH_AUTOSTART: "1" }, dirname(program.bin));

const nobody = "/nonexistent/orch.sock";

describe("orch __complete", () => {
  it("loads none of the big libraries, and starts no daemon", async () => {
    const line = "NODE_DEBUG=module,esm orch __complete -- cancel ''";
    const { code, stdout, stderr } = await run(line, nobody);
    expect({ code, stdout }).toEqual({ code: 0, stdout: ":\n" });
    expect(stderr).toMatch(/cli\.cjs/);
    for (const name of ["zod", "yaml", "chalk", "execa", "pino", "better-sqlite3", "ink", "react"])
      expect(stderr).not.toContain(`node_modules/${name}/`);
  });

  it("takes less than 150 ms of processor time, or thrice that of Node on a slow machine, best of five", async () => {
    const best = async (line: string): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const { stderr } = await run(`TIMEFORMAT='%U %S'; time ${line}`, nobody);
        times.push(stderr.split(/\s+/).reduce((sum, seconds) => sum + Number(seconds), 0));
      }
      return Math.min(...times);
    };
    const node = await best("node -e 0");
    expect(await best("orch __complete -- cancel ''")).toBeLessThan(Math.max(0.15, 3 * node));
  }, 30_000);

  it("gives up on a daemon that does not answer", async () => {
    await using hanging = await listen(() => {});
    expect(await run("orch __complete -- submit ''", hanging.socket)).toEqual({
      code: 0,
      stdout: ":\n",
      stderr: "",
    });
  }, 10_000);

  it.each([
    ["orch submit 'a", "a", ":\n"],
    ["orch ls --state=ru", "ru", "running\n:\n"],
    ["orch ls --state 'ru", "ru", "running\n:\n"],
    ["FOO=1 orch ls", "ls", ":\n"],
    ["orch run -- py", "py", ":command 2\n"],
    ["orch run -- python tr", "tr", ":files\n"],
    ["", "", ""],
  ])("--bash -- %j %j prints %j", async (line, replaced, expected) => {
    const quoted = [line, replaced].map((text) => `"${text}"`).join(" ");
    const { code, stdout, stderr } = await run(`orch __complete --bash -- ${quoted}`, nobody);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    if (expected !== "") expect(stdout).toBe(expected);
  });
});
