import type { NvmlCalls, NvmlHandle } from "./nvml-calls.ts";
import { eachDevice } from "./nvml-devices.ts";
import { NvmlError } from "./nvml-library.ts";
import type { WireTopology } from "./nvml-wire.ts";

interface Board {
  readonly device: NvmlHandle;
  readonly uuid: string;
  readonly pciAddress: string | null;
  readonly nvlinkPeers: string[];
}

/**
 * How the GPUs are connected: one question for each pair. GPUs that NVML refuses are left out; what this driver
 * does not tell is null or empty.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readTopology(nvml: NvmlCalls): Promise<WireTopology[]> {
  const boards = (await eachDevice(nvml, readBoard, () => null)).filter((board) => board !== null);
  for (const [at, board] of boards.entries()) {
    for (const other of boards.slice(at + 1)) {
      if (!(await ifTold(() => nvml.areLinked(board.device, other.device)))) continue;
      board.nvlinkPeers.push(other.uuid);
      other.nvlinkPeers.push(board.uuid);
    }
  }
  return boards.map(({ uuid, pciAddress, nvlinkPeers }) => ({ uuid, pciAddress, nvlinkPeers }));
}

async function readBoard(nvml: NvmlCalls, _index: number, device: NvmlHandle): Promise<Board> {
  const uuid = await nvml.uuid(device);
  const pciAddress = await ifTold(() => nvml.pciAddress(device));
  return { device, uuid, pciAddress, nvlinkPeers: [] };
}

/** Null where NVML refuses: older drivers lack these functions, and some virtual machines hide the answers. */
async function ifTold<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NvmlError)) throw error;
    return null;
  }
}
