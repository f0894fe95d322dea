import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fillPattern } from "../../../../src/daemon/jobs/grant-wishes.ts";
import { type SocketServer, serveAnswers, tempDir } from "../../../client/socket-server.ts";
import { need } from "../../../kit/need.ts";
import { type SlurmController, startSlurm, whyNoSlurm } from "../../../kit/slurm-controller.ts";
import { orch } from "../../captured-io.ts";
import { jobView } from "../../sample-views.ts";

// The same script to the real sbatch and to orch run: both have to understand the same.

const why = whyNoSlurm();
const isThere = need(`Slurm: ${why}`, why === null);
const dir = tempDir();
const zone = process.env["TZ"];
let slurm: SlurmController;
let server: SocketServer;

afterAll(() => dir[Symbol.dispose]());

/** What matters of a job, in one form for both. */
interface Understood {
  readonly gpus: number;
  readonly cpus: number;
  readonly memoryMiB: number | null;
  readonly minutes: number | null;
  readonly array: string | null;
  readonly name: string;
  readonly comment: string | null;
  readonly begin: string | null;
  readonly priority: number;
  readonly cwd: string;
  readonly waitsFor: string[];
}

function ofSlurm(fields: Map<string, string>): Understood {
  const get = (name: string): string | null => {
    const value = fields.get(name);
    return value === undefined || value === "(null)" ? null : value;
  };
  const gres = [...fields].find(([name]) => /^TresPer(Node|Job|Socket|Task)$/.test(name))?.[1];
  const begin = get("EligibleTime");
  const cpus = Number(get("NumCPUs"));
  return {
    gpus: Number(/gpu(?::[a-z]\w*)?(?::(\d+))?$/.exec(gres ?? "gpu:0")?.[1] ?? 1),
    cpus,
    memoryMiB: memoryOf(get("MinMemoryNode")) ?? memoryOf(get("MinMemoryCPU"), cpus),
    minutes: minutesOf(get("TimeLimit") ?? "UNLIMITED"),
    array: get("ArrayTaskId"),
    name: get("JobName") ?? "",
    comment: get("Comment"),
    begin: begin === null || begin === "Unknown" || begin === get("SubmitTime") ? null : `${begin}.000Z`,
    priority: 0 - Number(get("Nice")),
    cwd: get("WorkDir") ?? "",
    waitsFor: [...(get("Dependency") ?? "").matchAll(/(after\w+):(\d+)/g)]
      .map(([, kind, id]) => `${kind}:${id}`)
      .toSorted(),
  };
}

/** Slurm shows the numbers of steps one by one. */
const spelled = (array: string): string =>
  array.replace(/(\d+)-(\d+):(\d+)/g, (_, from: string, to: string, step: string) =>
    Array.from({ length: Math.floor((Number(to) - Number(from)) / Number(step)) + 1 }, (_, index) =>
      String(Number(from) + index * Number(step)),
    ).join(","),
  );

const memoryOf = (text: string | null, times = 1): number | null => {
  const [, digits, unit] = /^([\d.]+)([MGT])/.exec(text ?? "") ?? [];
  if (digits === undefined || Number(digits) === 0) return null;
  return Number(digits) * 1024 ** "MGT".indexOf(unit ?? "M") * times;
};

function minutesOf(text: string): number | null {
  const [, days = "0", hours = "0", minutes = "0"] = /^(?:(\d+)-)?(\d+):(\d+):/.exec(text) ?? [];
  return text === "UNLIMITED" ? null : Number(days) * 1440 + Number(hours) * 60 + Number(minutes);
}

type Input = Record<string, unknown> & {
  options: {
    label?: string;
    labels?: Record<string, string>;
    begin?: number;
    priority?: number;
    timeLimitMs?: number;
  } & Record<"after" | "afterAny" | "afterFailed", number[] | undefined>;
};

function ofOrch(input: Input): Understood {
  const { options } = input;
  const waits = { afterok: options.after, afterany: options.afterAny, afternotok: options.afterFailed };
  return {
    gpus: Number(input["gpus"]),
    cpus: Number(input["cpus"] ?? 1),
    memoryMiB: Number(input["ramBytes"]) / 2 ** 20 || null,
    // Slurm counts whole minutes, the last one begun.
    minutes: options.timeLimitMs === undefined ? null : Math.ceil(options.timeLimitMs / 60_000),
    array: input["array"] === undefined ? null : spelled(String(input["array"])),
    name: options.label ?? "sbatch.sh",
    comment: options.labels?.["comment"] ?? null,
    begin: options.begin === undefined ? null : new Date(options.begin).toISOString(),
    priority: options.priority ?? 0,
    cwd: String(input["cwd"]),
    waitsFor: Object.entries(waits)
      .flatMap(([kind, ids]) => (ids ?? []).map((id) => `${kind}:${id}`))
      .toSorted(),
  };
}

async function byOrch(script: string): Promise<Input | null> {
  writeFileSync(join(dir.path, "sbatch.sh"), script, { mode: 0o755 });
  server.seen.splice(0);
  const env = { PATH: process.env["PATH"] ?? "" };
  const { code } = await orch(["run", "-d", "-q", "sbatch.sh"], {
    socket: server.socket,
    cwd: dir.path,
    env,
  });
  return code === 0 ? (server.seen[0]?.input as Input) : null;
}

const script = (...lines: string[]): string =>
  ["#!/bin/bash", ...lines.map((line) => `#SBATCH ${line}`), "echo hi", "#SBATCH --gres=gpu:4", ""].join(
    "\n",
  );

describe.skipIf(!isThere)(`sbatch and orch run (${why ?? "Slurm"})`, () => {
  beforeAll(async () => {
    process.env["TZ"] = "UTC";
    mkdirSync(join(dir.path, "sub"));
    const array = { array: 7, jobs: 3, first: 7, last: 9, atOnce: null } as never;
    server = await serveAnswers({ "POST /jobs/run": () => jobView(), "POST /jobs/run-array": () => array });
    slurm = await startSlurm();
    for (let job = 0; job < 3; job++) slurm.submit(script(), dir.path);
  }, 30_000);
  afterAll(async () => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
    await slurm?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  it.each([
    [["--gres=gpu:2"]],
    [["--gres=gpu"]],
    [["--gpus=3"]],
    [["-G 2"]],
    [["--gpus-per-node=1 --gpus-per-node=2"]],
    [["--time=90"]],
    [["--time=90:30"]],
    [["-t 1:30:00"]],
    [["-t 2-12"]],
    [["-t2-12:30"]],
    [["--time=1-02:03:04"]],
    [["--time=UNLIMITED"]],
    [["--time=0"]],
    [["--array=0-9%2"]],
    [["-a 1,3,5-9:2"]],
    [["--dependency=afterok:1:2,afterany:3"]],
    [["-d afternotok:1"]],
    [["-J train --comment='for the paper'"]],
    [['--comment="a # b" # and why']],
    [['-J "a\\"b"']],
    [["-J 'it\\'s'"]],
    [["--comment=a\\b"]],
    [["-J 'a\\b'"]],
    [['-J "a\\b"']],
    [["-J a'b c'd"]],
    [["--begin=2030-01-20T12:34:00"]],
    [["--begin=2030-01-20"]],
    [["--begin=012030"]],
    [["--begin=01/20/30-12:34"]],
    [["--mem=4G"]],
    [["--mem=500"]],
    [["--mem=2048K"]],
    [["--mem=0"]],
    [["-c 8"]],
    [["-c 2 -n 3"]],
    [["--mem-per-cpu=1G -c 4"]],
    [["--nice"]],
    [["--nice=50"]],
    [["--nice=-50"]],
    [["-D sub"]],
    [["--chdir=sub --job-name=x"]],
    [["--gpus=1 --time=1", "--gpus=2"]],
    [["-p debug --mail-type=END --mail-user=a@b -N 1 --ntasks=1 --requeue --open-mode=append --hold"]],
  ])("understand %j alike", async (lines) => {
    const [theirs, ours] = [slurm.submit(script(...lines), dir.path), await byOrch(script(...lines))];
    expect(theirs).not.toBeNull();
    expect(ours).not.toBeNull();
    if (theirs !== null && ours !== null) expect(ofOrch(ours)).toEqual(ofSlurm(theirs));
  });

  it.each([
    ["--time=soon"],
    ["--mem=lots"],
    ["-c some"],
    ["--begin=whenever"],
    ["--dependency=sometimes:1"],
    ["--array=9-0"],
    ["--job-name"],
    ["--signal=NOSUCH@60 -t 5"],
    ["--open-mode=both"],
  ])("both refuse %j", async (line) => {
    expect(slurm.submit(script(line), dir.path)).toBeNull();
    const ours = await byOrch(script(line));
    // What an array may be is for the daemon to say.
    if (!line.startsWith("--array")) expect(ours).toBeNull();
  });

  it("fill in names of files alike", async () => {
    const fields = slurm.submit(script("-J train -o %x-%j-%u.out -e sub/%A.err"), dir.path);
    const id = Number(fields?.get("JobId"));
    const row = { arrayId: null, arrayIndex: null, label: "train", summary: "", user: "root" };
    const fill = (pattern: string): string => join(dir.path, fillPattern(pattern, { id }, row));
    expect(fields?.get("StdOut")).toBe(fill("%x-%j-%u.out"));
    expect(fields?.get("StdErr")).toBe(fill("sub/%A.err"));
  });

  it.each([
    ["a comment before", "#!/bin/bash\n# x\n\n#SBATCH -c 3\necho\n", 3],
    ["two signs", "#!/bin/bash\n##SBATCH -c 3\necho\n", 1],
    ["a blank before the sign", "#!/bin/bash\n #SBATCH -c 3\necho\n", 1],
    ["a command before", "#!/bin/bash\necho\n#SBATCH -c 3\n", 1],
  ])("read the head of a script alike: %s", async (_what, text, cpus) => {
    const [theirs, ours] = [slurm.submit(text, dir.path), await byOrch(text)];
    expect(theirs === null ? null : ofSlurm(theirs).cpus).toBe(cpus);
    expect(ours === null ? null : ofOrch(ours).cpus).toBe(cpus);
  });
});
