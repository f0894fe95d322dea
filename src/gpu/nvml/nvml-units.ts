import type { NvmlCalls, NvmlHandle } from "./nvml-calls.ts";
import { NvmlError } from "./nvml-library.ts";

/** What a job can be given: a whole board, or an instance of one. */
export interface NvmlUnit {
  readonly device: NvmlHandle;
  /** Of a board NVML's own; of an instance one that no board has, and that stays while others come and go. */
  readonly index: number;
  /** Null for a board. */
  readonly parent: string | null;
  /** Of an instance, as NVIDIA's tools write it, e.g. "0.7"; null for a board, and where the driver does not tell. */
  readonly instance: string | null;
}

/** The instances of board 0 are numbered from 100, those of board 1 from 200. A board has seven at most. */
const indicesPerBoard = 100;

/**
 * The board itself, or its instances when it is in MIG mode: as a whole it takes no programs then.
 * @throws NvmlError when the board is refused
 */
export async function unitsOf(
  nvml: NvmlCalls,
  index: number,
  board: NvmlHandle,
): Promise<readonly NvmlUnit[]> {
  if (!(await isMig(nvml, board))) return [{ device: board, index, parent: null, instance: null }];
  const parent = await nvml.uuid(board);
  const instances = await nvml.instances(board);
  const units: NvmlUnit[] = [];
  for (const [number, device] of instances) {
    const instance = await instanceOf(nvml, index, device);
    units.push({ device, index: indicesPerBoard * (index + 1) + number, parent, instance });
  }
  return units;
}

/** Known for other programs alone: an instance that does not tell is no worse. */
async function instanceOf(nvml: NvmlCalls, index: number, device: NvmlHandle): Promise<string | null> {
  try {
    return `${index}.${await nvml.instanceId(device)}`;
  } catch (error) {
    if (!(error instanceof NvmlError)) throw error;
    return null;
  }
}

/** Boards that cannot be cut refuse the question, and so do older drivers; a board that is lost says so soon enough. */
async function isMig(nvml: NvmlCalls, board: NvmlHandle): Promise<boolean> {
  try {
    return await nvml.isMig(board);
  } catch (error) {
    if (!(error instanceof NvmlError)) throw error;
    return false;
  }
}
