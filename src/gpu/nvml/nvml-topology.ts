import type { NvmlCalls, NvmlHandle } from "./nvml-calls.ts";
import { eachDevice } from "./nvml-devices.ts";
import { NvmlError } from "./nvml-library.ts";
import { unitsOf } from "./nvml-units.ts";
import type { WireTopology } from "./nvml-wire.ts";

interface Board {
  readonly device: NvmlHandle;
  readonly uuid: string;
  readonly pciAddress: string | null;
  readonly nvlinkPeers: string[];
  /** Nobody reaches an instance over a link. */
  readonly isInstance: boolean;
}

/**
 * How the GPUs are connected: one question for each pair. GPUs that NVML refuses are left out; what this driver
 * does not tell is null or empty.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readTopology(nvml: NvmlCalls): Promise<WireTopology[]> {
  const boards = (await eachDevice(nvml, readBoard, () => [])).flat();
  for (const [at, board] of boards.entries()) {
    for (const other of boards.slice(at + 1)) {
      if (board.isInstance || other.isInstance) continue;
      if (!(await ifTold(() => nvml.areLinked(board.device, other.device)))) continue;
      board.nvlinkPeers.push(other.uuid);
      other.nvlinkPeers.push(board.uuid);
    }
  }
  return boards.map(({ uuid, pciAddress, nvlinkPeers }) => ({ uuid, pciAddress, nvlinkPeers }));
}

async function readBoard(nvml: NvmlCalls, index: number, board: NvmlHandle): Promise<Board[]> {
  const pciAddress = await ifTold(() => nvml.pciAddress(board));
  const boards: Board[] = [];
  for (const { device, parent } of await unitsOf(nvml, index, board)) {
    const uuid = await nvml.uuid(device);
    boards.push({ device, uuid, pciAddress, nvlinkPeers: [], isInstance: parent !== null });
  }
  return boards;
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
