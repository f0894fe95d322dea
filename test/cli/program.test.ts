import { rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SocketServer, serveAnswers } from "../client/socket-server.ts";
import { installProgram, shell } from "./program.ts";
import { jobView } from "./sample-views.ts";

// The executable as a process of its own: what only pipes, symlinks and a real environment can show.
let program: Awaited<ReturnType<typeof installProgram>>;
let server: SocketServer;

beforeAll(async () => {
  program = await installProgram();
  // Far more than a pipe holds, so that the writer notices when its reader has gone.
  const jobs = Array.from({ length: 5000 }, (_, index) => jobView({ id: index + 1 }));
  let cancelled = (): void => {};
  const ended = new Promise<void>((resolve) => {
    cancelled = resolve;
  });
  server = await serveAnswers({
    "GET /jobs": () => ({ jobs, total: jobs.length }),
    "POST /jobs/run": () => jobView({ id: 7, state: "running" }),
    "POST /jobs/:job/cancel": () => {
      cancelled();
      return jobView({ id: 7, state: "cancelled" });
    },
    async *"GET /follow"() {
      yield { type: "job", job: jobView({ id: 7, state: "running", reason: null }) };
      const open = { yes: true };
      void ended.then(() => {
        open.yes = false;
      });
      while (open.yes) {
        yield { type: "log", job: 7, text: `${"y\n".repeat(20_000)}`, cursor: "7.1@0" };
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  program[Symbol.dispose]();
});

const run = (line: string, env: Record<string, string> = {}) =>
  shell(
    line,
    { HOME: "/nonexistent", ORCH_SOCKET: server.socket, ORCH_AUTOSTART: "0", ...env },
    dirname(program.bin),
  );

describe("bin/orch", () => {
  it("works through the link that npm makes", async () => {
    const link = join(program.dir, "linked");
    symlinkSync(program.bin, link);
    expect(await run(`${link} --version`)).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  });

  it.each(["orch ls", "orch ls -q", "orch ls --json"])(
    "%s into a reader that leaves ends quietly with 0",
    async (line) => {
      const { code, stdout, stderr } = await run(`${line} | head -1`);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.split("\n")).toHaveLength(2);
    },
  );

  it("cancels a foreground job whose output nobody reads any more", async () => {
    expect(await run("orch run -- yes | head -1")).toEqual({ code: 0, stdout: "y\n", stderr: "" });
    expect(server.seen.map(({ route }) => route)).toContain("POST /jobs/:job/cancel");
  });

  it("fails when stdout is full", async () => {
    const { code, stderr } = await run("orch ls > /dev/full");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: cannot write to stdout: .*ENOSPC/);
  });

  it.each([
    ["FORCE_COLOR", { FORCE_COLOR: "1" }, true],
    ["NO_COLOR over FORCE_COLOR", { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
    ["an empty NO_COLOR counts for nothing", { FORCE_COLOR: "1", NO_COLOR: "" }, true],
    ["a pipe", {}, false],
  ])("colours by %s", async (_name, env, coloured) => {
    const { stdout } = await run("orch ls", env);
    expect(stdout.includes("\u001b[")).toBe(coloured);
  });

  it("hands the environment of its caller on as it was", async () => {
    await run("orch run -d -- true", { NO_COLOR: "1" });
    const env = server.seen.findLast(({ route }) => route === "POST /jobs/run")?.input["env"];
    expect(env).toMatchObject({ NO_COLOR: "1" });
    expect(env).not.toHaveProperty("FORCE_COLOR");
  });

  it("passes the exit code on", async () => {
    expect((await run("orch lss")).code).toBe(2);
  });

  it("loads none of the big libraries for a plain command", async () => {
    const { stderr } = await run("NODE_DEBUG=module,esm orch ls -q > /dev/null");
    expect(stderr).toMatch(/cli\.cjs/);
    for (const name of ["zod", "yaml", "chalk", "execa", "pino", "better-sqlite3"]) {
      expect(stderr).not.toContain(`node_modules/${name}/`);
    }
  });

  it("says how to build it when it is not built", async () => {
    using unbuilt = await installProgram();
    rmSync(join(unbuilt.dir, "dist"), { recursive: true });
    expect(await shell(unbuilt.bin, {}, "/bin")).toEqual({
      code: 125,
      stdout: "",
      stderr: "error: orch is not built\n  why: dist/cli.cjs is missing\n  try: npm run build\n",
    });
  });
});
