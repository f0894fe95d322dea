import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { findProgram } from "../../src/engine/find-program.ts";
import { until } from "./until.ts";

const path = ["/usr/sbin", "/usr/bin", process.env["PATH"] ?? ""].join(delimiter);

/** Why no Slurm can be started here, or null. */
export function whyNoSlurm(): string | null {
  const missing = ["sbatch", "slurmctld", "munged"].find((name) => findProgram(name, path, "/") === null);
  if (missing !== undefined) return `${missing} is not installed`;
  return process.getuid?.() === 0 ? null : "munged is started by root";
}

/** A controller of Slurm without any node that runs: it takes jobs, and says how it understood them. */
export interface SlurmController extends AsyncDisposable {
  /** Submits a held job as sbatch does; null when it is refused. The fields of `scontrol show job` by their names. */
  submit(script: string, cwd: string): Map<string, string> | null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts munge and the controller, with a node of 64 cores and 4 GPUs on paper, in a folder and on ports of their own. */
export async function startSlurm(): Promise<SlurmController> {
  const dir = mkdtempSync(join(tmpdir(), "slurm-"));
  chmodSync(dir, 0o755);
  for (const name of ["munge", "state", "spool"]) mkdirSync(join(dir, name));
  const key = join(dir, "munge/key");
  writeFileSync(key, randomBytes(128), { mode: 0o400 });
  execFileSync("chown", ["-R", "munge", join(dir, "munge")]);
  const conf = join(dir, "slurm.conf");
  writeFileSync(conf, configuration(dir, [await freePort(), await freePort()]));
  const env = { PATH: path, SLURM_CONF: conf, TZ: "UTC" };
  const munge = [
    "--foreground",
    `--socket=${dir}/munge/sock`,
    `--key-file=${key}`,
    `--pid-file=${dir}/munge/pid`,
  ];
  const files = [`--log-file=${dir}/munge/log`, `--seed-file=${dir}/munge/seed`, "--force"];
  const children: ChildProcess[] = [
    spawn("setpriv", ["--reuid=munge", "--regid=munge", "--clear-groups", "munged", ...munge, ...files], {
      env,
    }),
    spawn("slurmctld", ["-D", "-c", "-f", conf], { env, stdio: "ignore" }),
  ];
  const tool = (name: string, args: readonly string[], cwd: string): string | null => {
    try {
      return execFileSync(name, args, { env, cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return null;
    }
  };
  await until("slurmctld answers", () => tool("scontrol", ["ping"], dir)?.includes("UP"), 20_000);
  return {
    submit(script, cwd) {
      const file = join(cwd, "sbatch.sh");
      writeFileSync(file, script);
      const id = tool("sbatch", ["--parsable", "--hold", file], cwd)?.trim();
      const shown = id === undefined ? null : tool("scontrol", ["show", "job", "-d", id], cwd);
      return shown === null ? null : fieldsOf(shown);
    },
    async [Symbol.asyncDispose]() {
      const ends = children.map((child) => new Promise((resolve) => child.once("exit", resolve)));
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(ends);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One "Name=value" after the other, several on a line; values may have blanks. */
function fieldsOf(text: string): Map<string, string> {
  const pairs = text.split("\n").flatMap((line) => [...line.trim().matchAll(/(\S+?)=(.*?)(?= [\w/:]+=|$)/g)]);
  return new Map(pairs.map(([, name = "", value = ""]) => [name, value]));
}

function configuration(dir: string, [controller, node]: readonly number[]): string {
  return `
ClusterName=orchtest
SlurmctldHost=localhost
SlurmctldPort=${controller}
SlurmdPort=${node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${dir}/munge/sock
CryptoType=crypto/munge
StateSaveLocation=${dir}/state
SlurmdSpoolDir=${dir}/spool
SlurmctldPidFile=${dir}/ctld.pid
SlurmctldLogFile=${dir}/ctld.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=localhost CPUs=64 RealMemory=256000 Gres=gpu:4 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
}
