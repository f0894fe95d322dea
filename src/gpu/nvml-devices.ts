import type { NvmlCalls, NvmlHandle, NvmlProcess } from "./nvml-calls.ts";
import { NvmlError } from "./nvml-library.ts";
import type { WireDevice, WireProcesses } from "./nvml-wire.ts";

// nvmlReturn_t values of nvml.h that decide about a whole GPU.
const noPermission = 4;
const gpuIsLost = 15;
const resetRequired = 16;

const unknownDevice = {
  uuid: null,
  name: null,
  memory: null,
  utilizationPercent: null,
  temperatureCelsius: null,
  powerWatts: null,
};

/**
 * Reads every GPU. One that NVML refuses gets an `error`, the others are read all the same.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readDevices(nvml: NvmlCalls): Promise<WireDevice[]> {
  return eachDevice(nvml, readDevice, (index, error) => ({ index, ...unknownDevice, error: error.message }));
}

/**
 * Lists the programs on every GPU; GPUs whose programs NVML does not tell are left out.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readDeviceProcesses(nvml: NvmlCalls): Promise<WireProcesses[]> {
  const lists = await eachDevice(nvml, readProcesses, () => null);
  return lists.filter((list) => list !== null);
}

type Read<T> = (nvml: NvmlCalls, index: number, device: NvmlHandle) => Promise<T>;

/**
 * Asks for each GPU in turn. GPUs that this user may not touch at all are passed over: they are not ours.
 * @param refuse makes the answer of a GPU that NVML refuses.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function eachDevice<T>(
  nvml: NvmlCalls,
  read: Read<T>,
  refuse: (index: number, error: Error) => T,
): Promise<T[]> {
  const count = await nvml.deviceCount();
  const results: T[] = [];
  for (let index = 0; index < count; index++) {
    try {
      results.push(await read(nvml, index, await nvml.handleByIndex(index)));
    } catch (error) {
      if (!(error instanceof NvmlError)) throw error;
      if (error.code !== noPermission) results.push(refuse(index, error));
    }
  }
  return results;
}

/** Identity first: it is still told for many broken GPUs, and without it the reading could not be placed. */
async function readDevice(nvml: NvmlCalls, index: number, device: NvmlHandle): Promise<WireDevice> {
  const identity = { index, uuid: await nvml.uuid(device), name: await nvml.deviceName(device) };
  try {
    return {
      ...identity,
      error: null,
      memory: await nvml.memory(device),
      utilizationPercent: await readSensor(() => nvml.utilizationPercent(device)),
      temperatureCelsius: await readSensor(() => nvml.temperatureCelsius(device)),
      powerWatts: await readSensor(() => nvml.powerWatts(device)),
    };
  } catch (error) {
    if (!(error instanceof NvmlError)) throw error;
    return { ...unknownDevice, ...identity, error: error.message };
  }
}

/** A sensor that a board does not have is null; a board that is gone is more than a missing sensor. */
async function readSensor(read: () => Promise<number>): Promise<number | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof NvmlError) || error.code === gpuIsLost || error.code === resetRequired)
      throw error;
    return null;
  }
}

async function readProcesses(nvml: NvmlCalls, _index: number, device: NvmlHandle): Promise<WireProcesses> {
  const uuid = await nvml.uuid(device);
  const compute = await nvml.computeProcesses(device);
  // Boards without a display have no graphics programs to tell about.
  const graphics = await nvml.graphicsProcesses(device).catch((): NvmlProcess[] => []);
  return { uuid, processes: mergeByPid([...compute, ...graphics]) };
}

/** A program that computes and draws is listed twice with the same memory: it counts once. */
function mergeByPid(processes: readonly NvmlProcess[]): NvmlProcess[] {
  const byPid = new Map<number, NvmlProcess>();
  for (const process of processes) {
    const known = byPid.get(process.pid)?.vramBytes ?? null;
    const vramBytes =
      known === null || process.vramBytes === null
        ? (known ?? process.vramBytes)
        : Math.max(known, process.vramBytes);
    byPid.set(process.pid, { pid: process.pid, vramBytes });
  }
  return [...byPid.values()];
}
