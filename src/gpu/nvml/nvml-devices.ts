import type { NvmlCalls, NvmlHandle, NvmlProcess } from "./nvml-calls.ts";
import { NvmlError } from "./nvml-library.ts";
import { type NvmlUnit, unitsOf } from "./nvml-units.ts";
import type { WireDevice, WireProcesses } from "./nvml-wire.ts";
import type { XidWatch } from "./nvml-xids.ts";

// nvmlReturn_t values of nvml.h that decide about a whole GPU.
const noPermission = 4;
const gpuIsLost = 15;
const resetRequired = 16;

const unknownDevice = {
  uuid: null,
  name: null,
  parent: null,
  instance: null,
  memory: null,
  utilizationPercent: null,
  temperatureCelsius: null,
  powerWatts: null,
};

/**
 * Reads every GPU. One that NVML refuses gets an `error`, and so does one that had a grave error since the last time; the
 * others are read all the same.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readDevices(nvml: NvmlCalls, xids: XidWatch): Promise<WireDevice[]> {
  const happened = await xids.look();
  const read: Read<WireDevice[]> = async (_nvml, index, board) => {
    await xids.add(board);
    const xid = happened.get(board);
    const readings = await readBoard(nvml, index, board);
    return readings.map((reading) =>
      xid === undefined || reading.error !== null ? reading : { ...reading, ...troubleOf(xid) },
    );
  };
  const refused = (index: number, error: NvmlError): WireDevice[] => [
    { index, ...unknownDevice, ...errorOf(error) },
  ];
  return (await eachDevice(nvml, read, refused)).flat();
}

/**
 * Lists the programs on every GPU; GPUs whose programs NVML does not tell are left out.
 * @throws NvmlError when NVML as a whole refuses.
 */
export async function readDeviceProcesses(nvml: NvmlCalls): Promise<WireProcesses[]> {
  return (await eachDevice(nvml, readProcesses, () => [])).flat();
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
  refuse: (index: number, error: NvmlError) => T,
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

function errorOf({ message, code }: NvmlError): Pick<WireDevice, "error" | "fault"> {
  const fault = code === gpuIsLost ? "lost" : code === resetRequired ? "reset-required" : null;
  return { error: message, fault };
}

/** Told in one reading; whoever hears of it remembers. */
function troubleOf(xid: number): Pick<WireDevice, "error" | "fault"> {
  return { error: `the driver reported Xid ${xid}`, fault: "xid" };
}

/** The board, or its instances. One that was cut and has no instances yet is of no use to anybody. */
async function readBoard(nvml: NvmlCalls, index: number, board: NvmlHandle): Promise<WireDevice[]> {
  const units = await unitsOf(nvml, index, board);
  const readings: WireDevice[] = [];
  for (const unit of units) readings.push(await readUnit(nvml, board, unit));
  if (units.length > 0) return readings;
  const identity = { index, uuid: await nvml.uuid(board), name: await nvml.deviceName(board) };
  return [{ ...unknownDevice, ...identity, error: "it is in MIG mode and has no instances", fault: null }];
}

/**
 * Identity first: it is still told for many broken GPUs, and without it the reading could not be placed. Heat and power are
 * the board's, also for its instances; how busy an instance is NVML does not tell.
 */
async function readUnit(nvml: NvmlCalls, board: NvmlHandle, unit: NvmlUnit): Promise<WireDevice> {
  const { device, index, parent, instance } = unit;
  const names = { uuid: await nvml.uuid(device), name: await nvml.deviceName(device) };
  const identity = { index, ...names, parent, instance };
  try {
    return {
      ...identity,
      error: null,
      fault: null,
      memory: await nvml.memory(device),
      utilizationPercent: parent === null ? await readSensor(() => nvml.utilizationPercent(device)) : null,
      temperatureCelsius: await readSensor(() => nvml.temperatureCelsius(board)),
      powerWatts: await readSensor(() => nvml.powerWatts(board)),
    };
  } catch (error) {
    if (!(error instanceof NvmlError)) throw error;
    return { ...unknownDevice, ...identity, ...errorOf(error) };
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

async function readProcesses(nvml: NvmlCalls, index: number, board: NvmlHandle): Promise<WireProcesses[]> {
  const lists: WireProcesses[] = [];
  for (const { device } of await unitsOf(nvml, index, board)) {
    const compute = await nvml.computeProcesses(device);
    // Boards without a display have no graphics programs to tell about.
    const graphics = await nvml.graphicsProcesses(device).catch((): NvmlProcess[] => []);
    lists.push({ uuid: await nvml.uuid(device), processes: mergeByPid([...compute, ...graphics]) });
  }
  return lists;
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
