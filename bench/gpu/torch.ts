import { execFile, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** What floors.py says of the GPU and its bus. */
export interface Floors {
  readonly device: string;
  readonly torch: string;
  readonly totalBytes: number;
  /** Bytes per second of page-locked memory to the GPU, and back. */
  readonly toGpuPerS: number;
  readonly toHostPerS: number;
}

/** The folder with the Python programs of this benchmark. */
export const programs = path.join(process.env["ORCH_BENCH_ROOT"] ?? ".", "bench", "gpu");
const python = process.env["ORCH_BENCH_PYTHON"] ?? "python3";

/** Measures the floors; a string says why it cannot be done here. */
export async function measureFloors(): Promise<Floors | string> {
  try {
    const { stdout } = await promisify(execFile)(python, [path.join(programs, "floors.py")]);
    const said = JSON.parse(stdout) as Floors | { missing: string };
    return "missing" in said ? said.missing : said;
  } catch (error) {
    return `${python} cannot measure the GPU: ${String(error).split("\n")[0]}`;
  }
}

/** What two programs that were started by hand at the same time say, each wanting `bytes`. */
export async function holdTwice(bytes: number): Promise<readonly string[]> {
  const children = [0, 1].map(() =>
    spawn(python, [path.join(programs, "hold.py")], {
      env: { ...process.env, BENCH_BYTES: String(bytes) },
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  try {
    return await Promise.all(
      children.map(
        (child) =>
          new Promise<string>((resolve) => {
            createInterface({ input: child.stdout }).once("line", resolve);
            child.once("close", (code) => resolve(`ended with ${code}`));
            child.once("error", (error) => resolve(error.message));
          }),
      ),
    );
  } finally {
    for (const child of children) child.stdin.end();
  }
}

/** The runtime.yaml of workers that hold `bytes`. `sleep`: the value of that key. */
export function weightsRuntime(
  name: string,
  options: { bytes: number; vramBytes: number; sleep: string },
): string {
  const { bytes, vramBytes, sleep } = options;
  const env = { ...handedOn(), BENCH_BYTES: String(bytes) };
  return `name: ${name}
summary: holds ${bytes} bytes of weights
command: [${JSON.stringify(python)}, ${JSON.stringify(path.join(programs, "handler.py"))}]
gpu: { count: 1, vram: ${vramBytes}B, mode: exclusive }
keepAlive: 1h
timeouts: { ready: 10m, job: 10m, stop: 20s }
checkEvery: 5m
sleep: ${sleep}
env: ${JSON.stringify(env)}
`;
}

/** Where Python finds PyTorch, and what its stand-in in the tests needs. */
function handedOn(): Record<string, string> {
  const wanted = ([name, value]: [string, string | undefined]): [string, string][] =>
    value !== undefined && (name === "PYTHONPATH" || name.startsWith("FAKE_GPU_")) ? [[name, value]] : [];
  return Object.fromEntries(Object.entries(process.env).flatMap(wanted));
}
