import type { GpuFault, WorkerExit } from "../scheduler/events.ts";
import type { GpuVendor, LeaseMode, Worker } from "../scheduler/model.ts";
import { assert, must } from "../std/assert.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import type { LaneProfile } from "./lane-profiles.ts";
import type { FaultRates } from "./options.ts";
import { type Claim, endProgram, type Program, type Run } from "./virtual-program.ts";

/** A GPU as it is, whatever the driver says. */
export interface VirtualGpu {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
  foreignBytes: number;
  healthy: boolean;
  /** Memory that the driver has not taken back from programs that are gone. */
  residueBytes: number;
  /** Of that what it will not take back by itself. */
  stuckBytes: number;
  /** What the driver says is wrong with it. */
  fault: GpuFault | null;
  readonly nvlinkPeers: readonly string[];
  readonly numaNode: number | null;
  readonly vendor: GpuVendor | null;
  readonly parent: string | null;
}

/** What a virtual host is made of. */
export interface HostParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly profiles: ReadonlyMap<string, LaneProfile>;
  readonly gpus: ReadonlyMap<string, VirtualGpu>;
  readonly programs: Map<number, Program>;
  readonly live: Set<Program>;
  readonly runs: Map<number, Run[]>;
  /** The highest fence that any program, and any with an exclusive lease, ever had on a GPU; all fences ever used. */
  readonly prepared: Set<string>;
  readonly lastFences: Map<VirtualGpu, Record<LeaseMode, number>>;
  readonly fences: Set<number>;
  readonly seesWorkers: boolean;
  faults: FaultRates;
  driverHangs: boolean;
}

/** A time between a tenth of `mostMs` and all of it. */
export function drawMs(rng: Rng, mostMs: number): number {
  return Math.ceil(mostMs * (0.1 + 0.9 * rng.next()));
}

/** What a worker is leased, less what programs that sleep beside it hold beyond what is booked for them. */
export function claimsOf(host: HostParts, worker: Worker): Claim[] {
  return worker.leases.map(({ gpu: { uuid }, mode, vramBytes }) => {
    const gpu = must(host.gpus.get(uuid), `there is no ${uuid}`);
    let room = gpu.totalBytes;
    for (const { claims, state, workerId } of host.live)
      if (state === "asleep" && workerId !== worker.id)
        for (const claim of claims) if (claim.gpu === gpu) room -= claim.vramBytes;
    return { gpu, mode, vramBytes: Math.min(vramBytes, room) };
  });
}

/** All that programs hold of a GPU together is never more than it has. @throws AssertionFailed */
export function checkMemory(host: HostParts, { claims }: Program): void {
  for (const { gpu } of claims) {
    let held = 0;
    for (const program of host.live)
      for (const claim of program.claims) if (claim.gpu === gpu) held += claim.vramBytes;
    assert(held <= gpu.totalBytes, `programs hold ${held} of ${gpu.totalBytes} bytes of GPU ${gpu.index}`);
  }
}

/** Fences only grow, and each is used by one program; only sharers of a GPU may start in any order. */
export function checkFences(host: HostParts, { workerId, fence, claims }: Omit<Program, "oneShot">): void {
  assert(!host.fences.has(fence), `fence ${fence} was used by two programs`);
  host.fences.add(fence);
  for (const { gpu, mode } of claims) {
    if (mode === "residue") continue;
    const last = host.lastFences.get(gpu) ?? { exclusive: 0, shared: 0 };
    const newest = mode === "exclusive" ? Math.max(last.exclusive, last.shared) : last.exclusive;
    assert(newest < fence, `worker ${workerId} on GPU ${gpu.index}: the fence did not grow`);
    host.lastFences.set(gpu, { ...last, [mode]: Math.max(last[mode], fence) });
  }
}

/** The driver takes memory back a little later than it is given. */
export function giveBack({ agenda, rng, faults }: HostParts, gpu: VirtualGpu, bytes: number): void {
  gpu.residueBytes += bytes;
  if (faults.memoryStays > 0 && rng.chance(faults.memoryStays)) {
    gpu.stuckBytes += bytes;
    return;
  }
  agenda.later(rng.chance(0.5) ? 0 : drawMs(rng, 1_500), () => {
    gpu.residueBytes -= bytes;
  });
}

/** The program is gone. */
export function die(host: HostParts, program: Program, exitCode: number, cause?: WorkerExit["cause"]): void {
  if (program.state === "dead") return;
  host.live.delete(program);
  for (const { gpu, vramBytes } of program.claims) giveBack(host, gpu, vramBytes);
  endProgram(program, { exitCode, detail: null, cause });
}
