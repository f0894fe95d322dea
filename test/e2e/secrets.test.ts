import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addRuntime } from "./runtimes.ts";
import { runDetached, submit, untilOver, useOrch } from "./session.ts";

const createHome = useOrch();
const CANARY = "canary-5f1d-value";
const ENV_CANARY = "canary-of-a-command";
const encoded = Buffer.from(CANARY).toString("base64").slice(0, 20);

/** Prints its secret in several ways, fails with it in its last words and its error, and says it as progress. */
const LEAKY = `
import base64, os, sys
from orch_sdk import serve

class Handler:
    def load(self, params):
        if params.get("broken"):
            raise RuntimeError("cannot log in with " + os.environ["HF_TOKEN"])

    def run(self, params, ctx):
        token = os.environ["HF_TOKEN"]
        print("token", token, base64.b64encode(token.encode()).decode(), flush=True)
        sys.stdout.write(token[:7]); sys.stdout.flush()
        sys.stdout.write(token[7:] + "\\n"); sys.stdout.flush()
        ctx.log("log " + token)
        ctx.progress(0.5, "progress " + token)
        if params.get("die"):
            print("last words " + token, flush=True)
            os._exit(3)
        raise ValueError("bad token " + token)

serve(Handler())
`;

/** A program that is one job: it says its secret as progress and in its last words. */
const LEAKY_PROGRAM = `
import os, time
from orch_sdk import job

with job() as ctx:
    ctx.progress(0.5, "progress " + os.environ["HF_TOKEN"])
    time.sleep(0.5)
    print("last words " + os.environ["HF_TOKEN"], flush=True)
    os._exit(4)
`;

function addLeaky(home: OrchHome): void {
  addRuntime(home, "once", ["python3", "job.py"], { protocol: "exec", params: "secrets: [HF_TOKEN]\n" });
  home.write("runtimes/once/job.py", LEAKY_PROGRAM);
  const params =
    "  die: { type: boolean, default: false }\n  broken: { type: boolean, default: false, load: true }\n";
  addRuntime(home, "leaky", ["python3", "handler.py"], { params: `secrets: [HF_TOKEN]\nparams:\n${params}` });
  home.write("runtimes/leaky/handler.py", LEAKY);
  chmodSync(home.write("secrets/HF_TOKEN", `${CANARY}\n`, 0o600), 0o400);
}

/** Files below a folder in which one of the values stands, relative to it. */
function filesWith(dir: string, values: readonly string[]): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const bytes = readFileSync(file);
      return values.some((value) => bytes.includes(value));
    })
    .map((file) => relative(dir, file))
    .sort();
}

const COMMANDS = [
  ["ls", "-a"],
  ["ls", "-a", "--json"],
  ["workers", "ls"],
  ["workers", "ls", "--json"],
  ["status"],
  ["status", "--json"],
  ["gpus"],
  ["top"],
  ["events", "-n", "1000"],
  ["events", "-n", "1000", "--json"],
  ["history"],
  ["runtimes", "show", "leaky"],
  ["runtimes", "show", "leaky", "--json"],
  ["submit", "leaky", "--dry-run"],
  ["logs", "--daemon"],
  ["logs", "leaky-1"],
  ["logs", "leaky-1", "--jsonl"],
  ["logs", "leaky-2"],
  ["plan"],
  ["paths"],
  ["quotas"],
];

const OF_A_JOB = [["show"], ["show", "--json"], ["logs"], ["logs", "--jsonl"], ["why"], ["wait"]];

describe("the value of a secret", () => {
  it("stands in nothing that orch shows or keeps, whatever a program does with it [fault 55]", async () => {
    await using home = createHome({ ORCH_LOG_LEVEL: "trace" });
    addLeaky(home);
    const first = await home.daemon();
    const jobs = [
      await submit(home, "leaky"),
      await submit(home, "leaky", "--die"),
      await submit(home, "leaky", "--broken"),
      await submit(home, "once"),
    ];
    const script = `echo "key $SERVICE_API_KEY"; cat /nonexistent/$SERVICE_API_KEY`;
    const env = { SERVICE_API_KEY: ENV_CANARY };
    const run = await home.orch(["run", "-q", "-d", "--", "sh", "-c", script], { env });
    jobs.push(Number(run.stdout));
    const followed: string[] = [];
    for await (const line of home.client.stream("GET /follow", { jobs, logs: true }))
      followed.push(JSON.stringify(line));
    for (const job of jobs) expect((await untilOver(home, job)).state).toBe("failed");
    // While a program lives, what it has just printed may stand in its own log for a second.
    await until(
      "the workers' logs are looked after",
      () => filesWith(join(home.dir, "state", "workers"), [CANARY]).length === 0,
    );
    await first.kill();
    await home.daemon();

    const ofJobs = jobs.flatMap((job) => OF_A_JOB.map((args) => [...args, String(job)]));
    const asked = [...COMMANDS, ...ofJobs];
    const shown = [{ stdout: followed.join("\n"), stderr: "" }];
    for (let at = 0; at < asked.length; at += 4)
      shown.push(...(await Promise.all(asked.slice(at, at + 4).map((args) => home.orch(args)))));
    for (const { stdout, stderr } of shown) {
      for (const value of [CANARY, ENV_CANARY, encoded]) expect(stdout + stderr).not.toContain(value);
    }
    const all = shown.map(({ stdout }) => stdout).join("");
    for (const words of [
      "token *****************",
      "log *****",
      "bad token *****",
      "last words *****",
      "key *****",
    ])
      expect(all, "it was there to be hidden").toContain(words);

    // Kept where it has to be: the secret's own file, and the environment that a command was submitted with.
    expect(filesWith(home.dir, [CANARY])).toEqual(["secrets/HF_TOKEN"]);
    expect(filesWith(home.dir, [encoded])).toEqual([]);
    const database = /^state\/orch\.db(-wal)?$/;
    expect(filesWith(home.dir, [ENV_CANARY]).filter((file) => !database.test(file))).toEqual([]);
  });

  it("would be found where it stands", async () => {
    await using home = createHome();
    home.write("state/jobs/0/9/attempt-1.log", `x ${CANARY} x`);
    expect(filesWith(home.dir, [CANARY])).toEqual(["state/jobs/0/9/attempt-1.log"]);
    await home.daemon();
    const job = await runDetached(home, "--", "echo", CANARY);
    await untilOver(home, job);
    expect((await home.orch(["logs", String(job)])).stdout, "a word of the command is no secret").toBe(
      `${CANARY}\n`,
    );
  });
});
