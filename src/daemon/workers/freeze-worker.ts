import fs from "node:fs";
import path from "node:path";
import { readCgroup } from "../../engine/cgroup.ts";
import type { FreezeStep } from "../../gpu/freeze/freeze-wire.ts";
import { type FreezeFacts, whyNotFreeze } from "../../gpu/freeze/why-not-freeze.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { workerIdOf } from "../gpus/worker-of-pid.ts";
import type { World } from "../world.ts";
import type { Bed, Mover } from "./sleep-worker.ts";

/** Where the control daemon of CUDA MPS listens unless CUDA_MPS_PIPE_DIRECTORY says otherwise. */
const USUAL_MPS_DIR = "/tmp/nvidia-mps";

/**
 * Freezes a worker: the driver moves all that its process has on the GPU to the host's memory, and back. The program is not
 * asked; its next CUDA call only takes until it is thawed.
 */
export function freezerOf(world: World, mover: Mover): Bed {
  const { deadlineMs } = mover.nap;
  return {
    async sleep() {
      const onGpu = await processesOnGpu(world, mover);
      // The driver does not list it in a container, nor one that an earlier daemon has frozen already.
      const pids = onGpu.length > 0 ? onGpu : await processesOf(world, mover);
      note(world, mover, "frozen", await world.freezer.freeze(pids, deadlineMs));
    },
    async wake() {
      const pids = await processesOf(world, mover);
      note(world, mover, "thawed", await world.freezer.thaw(pids, deadlineMs));
    },
  };
}

/**
 * The process of the worker that the driver lists on its GPU; none where it lists none.
 * @throws Failure worker/no-sleep or worker/failed when it cannot be frozen
 */
async function processesOnGpu(world: World, mover: Mover): Promise<readonly number[]> {
  const facts = await factsOf(world, mover);
  const reason = whyNotFreeze(facts);
  if (reason === null) return facts.pids;
  const code = reason.isForGood ? "worker/no-sleep" : "worker/failed";
  throw new Failure(code, `${mover.worker.name} cannot be frozen`, { why: reason.why });
}

async function factsOf(world: World, { worker, hand }: Mover): Promise<FreezeFacts> {
  const sample = await world.sampler.sampleNow({ processes: true });
  const [lease] = worker.leases;
  const gpu = sample.gpus.find(({ reading }) => reading.uuid === lease?.gpu.uuid);
  const own = gpu?.processes?.filter(({ workerId }) => workerId === worker.id) ?? [];
  const [first] = own;
  const pid = first?.pid ?? hand.identity?.pid;
  const uid = process.getuid?.() ?? 0;
  return {
    arch: process.arch,
    gpuCount: worker.leases.length,
    mode: lease?.mode ?? "exclusive",
    pids: [...new Set(own.map((each) => each.pid))],
    isPermitted: uid === 0 || (first?.uid ?? uid) === uid,
    mpsSocket: pid === undefined ? null : mpsSocketOf(pid),
    vramBytes: first?.vramBytes ?? lease?.vramBytes ?? 0,
    availableBytes: Math.min(
      availableBytes(),
      pid === undefined ? Infinity : cgroupRoomBytes(pid),
      readCgroup(world.places.workerDir(worker.id))?.roomBytes() ?? Infinity,
    ),
  };
}

/** All processes of the worker: its engine knows them, or their labels tell. */
async function processesOf(world: World, { worker, hand }: Mover): Promise<readonly number[]> {
  const dir = world.places.workerDir(worker.id);
  const members = hand.identity === null ? null : await world.engine.members(dir, hand.identity);
  if (members !== null) return members;
  const pids = (await fs.promises.readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.filter((pid) => workerIdOf(pid, world) === worker.id);
}

/** The MPS control socket that a process goes by, if there is one. Its environment tells where. */
function mpsSocketOf(pid: number): string | null {
  const setting = readText(`/proc/${pid}/environ`)
    .split("\0")
    .find((pair) => pair.startsWith("CUDA_MPS_PIPE_DIRECTORY="));
  const dir = setting?.slice(setting.indexOf("=") + 1) ?? USUAL_MPS_DIR;
  const socket = path.join(dir, "control");
  return fs.existsSync(socket) ? socket : null;
}

/** MemAvailable of proc_meminfo(5). Bytes; 0 where the kernel does not tell. */
export function availableBytes(): number {
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readText("/proc/meminfo"))?.[1] ?? 0) * 1024;
}

/** What the memory limit of a process's own cgroup leaves it (cgroup v2, memory.max). Bytes; without a limit Infinity. */
function cgroupRoomBytes(pid: number): number {
  const own = /^0::(\/.*)$/m.exec(readText(`/proc/${pid}/cgroup`))?.[1];
  const read = (name: string): string => readText(path.join("/sys/fs/cgroup", own ?? "", name)).trim();
  const limit = own === undefined ? "" : read("memory.max");
  return /^\d+$/.test(limit) ? Math.max(0, Number(limit) - Number(read("memory.current"))) : Infinity;
}

/** "" of a process that has ended. @throws the system's error for anything else */
function readText(file: string): string {
  try {
    return fs.readFileSync(file, "latin1");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}

function note(world: World, { worker, hand }: Mover, what: string, steps: readonly FreezeStep[]): void {
  const tookMs = Object.fromEntries(steps.map(({ step, tookMs }) => [step, Math.round(tookMs)]));
  world.log.info({ worker: worker.name, pid: hand.identity?.pid, tookMs }, `the worker is ${what}`);
}
