import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SocketServer, serveAnswers, tempDir } from "../../../client/socket-server.ts";
import { orch } from "../../captured-io.ts";
import { jobView } from "../../sample-views.ts";

let server: SocketServer;
const dir = tempDir();
beforeAll(async () => {
  const array = { array: 7, jobs: 3, first: 7, last: 9, atOnce: null } as never;
  server = await serveAnswers({
    "POST /jobs/run": () => jobView({ id: 7 }),
    "POST /jobs/run-array": () => array,
  });
});
beforeEach(() => void server.seen.splice(0));
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

function script(name: string, head: string, mode = 0o755): string {
  const path = join(dir.path, name);
  writeFileSync(path, `#!/bin/bash\n${head}\necho hello\n`, { mode });
  return path;
}

const env = { PATH: process.env["PATH"] ?? "", FOO: "1", SLURM_JOB_ID: "outer", ORCH_RUN_OUTPUT: "outer" };

/** Runs it detached; what was asked of the daemon, and what was said. */
async function run(argv: readonly string[]) {
  const done = await orch(["run", "-d", ...argv], { socket: server.socket, cwd: dir.path, env });
  return { ...done, input: server.seen.at(-1)?.input ?? {} };
}

describe("orch run SCRIPT", () => {
  it("takes its flags from the #SBATCH lines", async () => {
    const path = script(
      "train.sbatch",
      "#SBATCH --gres=gpu:2 --time=1:00:00 -c 4\n#SBATCH -J train --nice=10 --hold",
    );
    const { code, stderr, input } = await run(["train.sbatch", "--lr", "3"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(input).toMatchObject({
      command: [path, "--lr", "3"],
      cwd: dir.path,
      gpus: 2,
      cpus: 4,
      options: { timeLimitMs: 3_600_000, label: "train", priority: -10, hold: true },
    });
    expect(input["env"]).toMatchObject({
      FOO: "1",
      SLURM_JOB_NAME: "train",
      SLURM_SUBMIT_DIR: dir.path,
      SLURM_GPUS_ON_NODE: "2",
      SLURM_CPUS_PER_TASK: "4",
      SLURM_NTASKS: "1",
      ORCH_RUN_SLURM: "1",
    });
    expect(input["env"]).not.toHaveProperty("SLURM_JOB_ID");
    expect(input["env"]).not.toHaveProperty("ORCH_RUN_OUTPUT");
  });

  it("lets #ORCH lines win over them, and the command line over both", async () => {
    script(
      "both.sh",
      "#SBATCH --gpus=1 --time=10 -J a --comment=x\n#ORCH --gpus 2 --vram 4GiB --label team=vision\n#ORCH --preemptible",
    );
    const { input } = await run(["--gpus", "3", "--label", "mine", "both.sh"]);
    expect(input).toMatchObject({
      gpus: 3,
      vramBytes: 4 * 2 ** 30,
      options: {
        timeLimitMs: 600_000,
        preemptible: true,
        label: "mine",
        labels: { comment: "x", team: "vision" },
      },
    });
    expect(input["env"]).toMatchObject({ SLURM_GPUS_ON_NODE: "3", SLURM_JOB_NAME: "mine" });
  });

  it("queues an array; one of the command line takes its place, a sweep, too", async () => {
    script("array.sh", "#SBATCH --array=0-9%2");
    expect((await run(["array.sh"])).input).toMatchObject({ array: "0-9%2" });
    expect((await run(["--array", "1-3", "array.sh"])).input).toMatchObject({ array: "1-3" });
    const { input } = await run(["--sweep", "a=1,2", "array.sh"]);
    expect(input).toMatchObject({ sweep: ["a=1,2"] });
    expect(input).not.toHaveProperty("array");
  });

  it("says once what is of no use, and what it does not know, by its line", async () => {
    script("odd.sh", "#SBATCH -p gpu --mail-type=END -N1\n#SBATCH --constraint=a100 --gpu=1");
    const { code, stderr } = await run(["odd.sh"]);
    expect({ code, stderr: stderr.split("\n") }).toEqual({
      code: 0,
      stderr: [
        "orch: odd.sh: --partition, --mail-type, --nodes: of no use on one host with one queue",
        "orch: odd.sh line 3: unknown option --constraint of sbatch is left out",
        "orch: odd.sh line 3: unknown option --gpu of sbatch is left out (did you mean --gpus?)",
        "",
      ],
    });
  });

  it("runs one that may not be executed by what stands behind its #!", async () => {
    const path = script("plain.sh", "#SBATCH --gpus=1", 0o644);
    expect((await run(["plain.sh", "x"])).input).toMatchObject({
      command: ["/bin/bash", path, "x"],
      gpus: 1,
    });
    const bare = script("bare.sh", "", 0o644);
    expect((await run(["./bare.sh"])).input).toMatchObject({ command: ["/bin/bash", bare] });
  });

  it("leaves other commands alone: programs, scripts without such lines, files that are no scripts", async () => {
    script("own.sh", "");
    writeFileSync(join(dir.path, "data"), "echo\n#SBATCH --gpus=1\n");
    for (const command of [["ls"], ["./own.sh", "a"], ["./data"], ["bash", "both.sh"], ["/bin/true"]])
      expect((await run(command)).input).toMatchObject({ command, gpus: 0 });
  });

  it("has files, a folder, an environment and a signal of its own", async () => {
    mkdirSync(join(dir.path, "sub/logs"), { recursive: true });
    script(
      "files.sh",
      "#SBATCH -D sub -o logs/%j.out -e logs/%j.err --export=FOO,BAR=2 --signal=B:USR1@60 -t 1",
    );
    const { input } = await run(["files.sh"]);
    expect(input).toMatchObject({ cwd: join(dir.path, "sub") });
    expect(input["env"]).toMatchObject({
      FOO: "1",
      BAR: "2",
      ORCH_RUN_OUTPUT: "logs/%j.out",
      ORCH_RUN_ERROR: "logs/%j.err",
      ORCH_RUN_SIGNAL: "USR1 0",
    });
    expect(input["env"]).not.toHaveProperty("HOME");
  });

  it.each([
    ["#SBATCH --nodes=2", 2, "x.sh: line 2: --nodes: 2 nodes are one host too many"],
    ["#ORCH --gpus 1\n#ORCH --gpsu 1", 2, "x.sh: line 3: unknown option '--gpsu'"],
    ["#ORCH --gpus many", 2, 'x.sh: line 2: --gpus: "many" is not a whole number'],
    ["#ORCH --gpus 1 -- rm", 2, "x.sh: line 2: #ORCH --gpus 1 -- rm: these are not flags of orch run alone"],
    ["#SBATCH --signal=USR1@60", 2, "--signal needs --time"],
    ["#SBATCH --signal=NOSUCH@60 -t 5", 2, '--signal: "NOSUCH@60" is not a signal'],
    ["#SBATCH -o none/%j", 2, "the folder of none/%j does not exist"],
    ["#ORCH --append", 2, "--append needs --output or --error"],
    ["#SBATCH --begin=whenever", 2, '--begin: "whenever" is not a point in time'],
  ])("%j is refused", async (head, code, message) => {
    script("x.sh", head);
    const refused = await run(["x.sh"]);
    expect(refused).toMatchObject({ code, stdout: "" });
    expect(refused.stderr).toContain(message);
    expect(server.seen).toEqual([]);
  });
});

describe("orch schedule add -- run SCRIPT", () => {
  it("takes its flags from the script, too", async () => {
    const path = script("nightly.sh", "#SBATCH --gpus=2 -J night");
    await using schedules = await serveAnswers({ "POST /schedules": () => ({}) as never });
    const argv = ["schedule", "add", "@daily", "--json", "--", "run", "--gpus", "1", "nightly.sh"];
    expect(await orch(argv, { socket: schedules.socket, cwd: dir.path, env })).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(schedules.seen[0]?.input["scheduled"]).toMatchObject({
      verb: "run",
      submission: { command: [path], gpus: 1, options: { label: "night" } },
    });
  });
});

describe("orch run of a file with such lines, but no #!", () => {
  it("says what is missing, as sbatch does", async () => {
    writeFileSync(join(dir.path, "bare"), "# mine\n\n#SBATCH --gpus=1\n");
    const refused = await run(["bare"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(
      "does not say what runs it\n  why: its first line does not begin with #!",
    );
  });
});

describe("orch run --pty", () => {
  it("has no --output", async () => {
    expect((await run(["--pty", "--output", "o", "--", "bash"])).stderr).toContain(
      "--output does not go with --pty",
    );
  });
});
