import type { NvmlArgument, NvmlBind, NvmlCall } from "./nvml-library.ts";
import { NvmlError } from "./nvml-library.ts";

/** An nvmlDevice_t: the address of something inside the driver's library. */
export type NvmlHandle = bigint;

export interface NvmlMemory {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
}

export interface NvmlProcess {
  readonly pid: number;
  readonly vramBytes: number | null;
}

/** The part of NVML that orch uses, with its C structs turned into values. Every call rejects with NvmlError. */
export interface NvmlCalls {
  init(): Promise<void>;
  driverVersion(): Promise<string>;
  deviceCount(): Promise<number>;
  handleByIndex(index: number): Promise<NvmlHandle>;
  uuid(device: NvmlHandle): Promise<string>;
  deviceName(device: NvmlHandle): Promise<string>;
  memory(device: NvmlHandle): Promise<NvmlMemory>;
  utilizationPercent(device: NvmlHandle): Promise<number>;
  temperatureCelsius(device: NvmlHandle): Promise<number>;
  powerWatts(device: NvmlHandle): Promise<number>;
  computeProcesses(device: NvmlHandle): Promise<readonly NvmlProcess[]>;
  graphicsProcesses(device: NvmlHandle): Promise<readonly NvmlProcess[]>;
  /** A set of events to wait for. */
  createEventSet(): Promise<bigint>;
  /** Puts the critical Xids of a GPU, as they happen, into the set. */
  registerXids(device: NvmlHandle, set: bigint): Promise<void>;
  /** The next event of the set, at once. Rejects with code 10 (timeout) when there is none. */
  nextXid(set: bigint): Promise<{ readonly device: NvmlHandle; readonly xid: number }>;
  /** Whether the board is cut into instances now. Rejects where boards of its kind cannot be. */
  isMig(device: NvmlHandle): Promise<boolean>;
  /** The handles of a board's instances, by their numbers; they count as boards of their own in most calls. */
  instances(device: NvmlHandle): Promise<ReadonlyMap<number, NvmlHandle>>;
  /** The number of an instance on its board, as NVIDIA's tools have it. Rejects for boards. */
  instanceId(device: NvmlHandle): Promise<number>;
  /** As sysfs spells it, "0000:34:00.0". */
  pciAddress(device: NvmlHandle): Promise<string>;
  /** Whether two GPUs reach each other over NVLink, directly or through a switch. */
  areLinked(device: NvmlHandle, other: NvmlHandle): Promise<boolean>;
}

/** Binds the functions of nvml.h. Handles and out pointers travel as `void *`: 64 bits on every GPU host. */
export function bindNvmlCalls(bind: NvmlBind): NvmlCalls {
  const pointer = "void *";
  const init = bind(["nvmlInit_v2"], []);
  const driverVersion = bind(["nvmlSystemGetDriverVersion"], [pointer, "uint"]);
  const count = bind(["nvmlDeviceGetCount_v2"], [pointer]);
  const handle = bind(["nvmlDeviceGetHandleByIndex_v2"], ["uint", pointer]);
  const uuid = bind(["nvmlDeviceGetUUID"], [pointer, pointer, "uint"]);
  const name = bind(["nvmlDeviceGetName"], [pointer, pointer, "uint"]);
  const memoryV2 = bind(["nvmlDeviceGetMemoryInfo_v2"], [pointer, pointer]);
  const memoryV1 = bind(["nvmlDeviceGetMemoryInfo"], [pointer, pointer]);
  const utilization = bind(["nvmlDeviceGetUtilizationRates"], [pointer, pointer]);
  const temperature = bind(["nvmlDeviceGetTemperature"], [pointer, "int", pointer]);
  const power = bind(["nvmlDeviceGetPowerUsage"], [pointer, pointer]);
  const pci = bind(["nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2"], [pointer, pointer]);
  const eventSet = bind(["nvmlEventSetCreate"], [pointer]);
  const register = bind(["nvmlDeviceRegisterEvents"], [pointer, "uint64_t", pointer]);
  const wait = bind(["nvmlEventSetWait_v2", "nvmlEventSetWait"], [pointer, pointer, "uint"]);
  const peerStatus = bind(["nvmlDeviceGetP2PStatus"], [pointer, pointer, "int", pointer]);
  const migMode = bind(["nvmlDeviceGetMigMode"], [pointer, pointer, pointer]);
  const migCount = bind(["nvmlDeviceGetMaxMigDeviceCount"], [pointer, pointer]);
  const migHandle = bind(["nvmlDeviceGetMigDeviceHandleByIndex"], [pointer, "uint", pointer]);
  const instanceId = bind(["nvmlDeviceGetGpuInstanceId"], [pointer, pointer]);
  const compute = bindProcesses(bind, "Compute");
  const graphics = bindProcesses(bind, "Graphics");
  return {
    init: () => init(),
    driverVersion: () => readText(driverVersion),
    deviceCount: () => readUnsigned(count),
    handleByIndex: (index) => readHandle(handle, index),
    uuid: (device) => readText(uuid, device),
    deviceName: (device) => readText(name, device),
    memory: (device) => readMemoryV2(memoryV2, device).catch(() => readMemoryV1(memoryV1, device)),
    // The first field of nvmlUtilization_t is the percentage of time in which a kernel ran.
    utilizationPercent: (device) => readUnsigned(utilization, device),
    // Sensor 0 is NVML_TEMPERATURE_GPU.
    temperatureCelsius: (device) => readUnsigned(temperature, device, 0),
    powerWatts: async (device) => (await readUnsigned(power, device)) / 1000,
    computeProcesses: (device) => listProcesses(compute, device),
    graphicsProcesses: (device) => listProcesses(graphics, device),
    isMig: async (device) => {
      // The second number is the mode that the next reset brings.
      const [current, pending] = [Buffer.alloc(4), Buffer.alloc(4)];
      await migMode(device, current, pending);
      return current.readUInt32LE() === migEnabled;
    },
    instances: (device) => listInstances(migCount, migHandle, device),
    instanceId: (device) => readUnsigned(instanceId, device),
    createEventSet: () => readHandle(eventSet),
    registerXids: (device, set) => register(device, xidEvents, set),
    nextXid: (set) => readXid(wait, set),
    pciAddress: (device) => readPciAddress(pci, device),
    areLinked: async (device, other) =>
      (await readUnsigned(peerStatus, device, other, nvlinkCapability)) === peerStatusOk,
  };
}

// _v3 came with driver 510 and _v2 with 470; their structs are the same.
function bindProcesses(bind: NvmlBind, kind: "Compute" | "Graphics"): NvmlCall {
  const base = `nvmlDeviceGet${kind}RunningProcesses`;
  return bind([`${base}_v3`, `${base}_v2`], ["void *", "void *", "void *"]);
}

/** Calls f(before…, char *text, unsigned length). 96 is the largest of nvml.h's buffer sizes in use here. */
async function readText(call: NvmlCall, ...before: NvmlArgument[]): Promise<string> {
  const buffer = Buffer.alloc(96);
  await call(...before, buffer, buffer.length);
  return buffer.toString("utf8", 0, Math.max(0, buffer.indexOf(0)));
}

/** Calls f(before…, unsigned *out). The room is for two numbers, as nvmlUtilization_t needs. */
async function readUnsigned(call: NvmlCall, ...before: NvmlArgument[]): Promise<number> {
  const out = Buffer.alloc(8);
  await call(...before, out);
  return out.readUInt32LE();
}

async function readHandle(call: NvmlCall, ...before: NvmlArgument[]): Promise<NvmlHandle> {
  const out = Buffer.alloc(8);
  await call(...before, out);
  return out.readBigUInt64LE();
}

/** NVML_DEVICE_MIG_ENABLE. */
const migEnabled = 1;
/** NVML_ERROR_NOT_FOUND: no instance has this number now. */
const notFound = 6;

/** Numbers are not given out without gaps: an instance may have been removed. */
async function listInstances(
  count: NvmlCall,
  handleByIndex: NvmlCall,
  device: NvmlHandle,
): Promise<ReadonlyMap<number, NvmlHandle>> {
  const found = new Map<number, NvmlHandle>();
  const most = await readUnsigned(count, device);
  for (let number = 0; number < most; number++) {
    try {
      found.set(number, await readHandle(handleByIndex, device, number));
    } catch (error) {
      if (!(error instanceof NvmlError) || error.code !== notFound) throw error;
    }
  }
  return found;
}

/** nvmlEventTypeXidCriticalError. */
const xidEvents = 8;

/**
 * nvmlEventData_t: the device, then the type of the event and its data (the Xid), 64 bits each, and two numbers about MIG.
 * Waiting for 0 ms takes what is there.
 */
async function readXid(call: NvmlCall, set: bigint): Promise<{ device: NvmlHandle; xid: number }> {
  const struct = Buffer.alloc(32);
  await call(set, struct, 0);
  return { device: struct.readBigUInt64LE(0), xid: readUint64(struct, 16) };
}

/**
 * nvmlMemory_v2_t: unsigned version, 4 bytes of padding, then total, reserved, free, used, each 64 bits. The
 * version to ask for is NVML_STRUCT_VERSION(Memory, 2) = sizeof | 2 << 24. Here "used" is without what the driver
 * reserves.
 */
async function readMemoryV2(call: NvmlCall, device: NvmlHandle): Promise<NvmlMemory> {
  const struct = Buffer.alloc(40);
  struct.writeUInt32LE(struct.length | (2 << 24));
  await call(device, struct);
  return {
    totalBytes: readUint64(struct, 8),
    freeBytes: readUint64(struct, 24),
    usedBytes: readUint64(struct, 32),
  };
}

/** nvmlMemory_t: total, free, used. Before driver 510, and there "used" has what the driver reserves in it. */
async function readMemoryV1(call: NvmlCall, device: NvmlHandle): Promise<NvmlMemory> {
  const struct = Buffer.alloc(24);
  await call(device, struct);
  return {
    totalBytes: readUint64(struct, 0),
    freeBytes: readUint64(struct, 8),
    usedBytes: readUint64(struct, 16),
  };
}

/** NVML_P2P_CAPS_INDEX_NVLINK and NVML_P2P_STATUS_OK. */
const nvlinkCapability = 2;
const peerStatusOk = 0;

/**
 * nvmlPciInfo_t: char busIdLegacy[16], then unsigned domain, bus and device; what follows differs between the
 * versions (52 and 68 bytes in all) and is not needed. A GPU is function 0.
 */
async function readPciAddress(call: NvmlCall, device: NvmlHandle): Promise<string> {
  const struct = Buffer.alloc(128);
  await call(device, struct);
  const hex = (offset: number, digits: number): string =>
    struct.readUInt32LE(offset).toString(16).padStart(digits, "0");
  return `${hex(16, 4)}:${hex(20, 2)}:${hex(24, 2)}.0`;
}

/** Memory sizes stay far below 2^53, so a number holds them exactly. */
function readUint64(struct: Buffer, offset: number): number {
  return Number(struct.readBigUInt64LE(offset));
}

/** NVML_ERROR_INSUFFICIENT_SIZE: more programs than there is room for; the count says how many. */
const insufficientSize = 7;
/** NVML_VALUE_NOT_AVAILABLE: the driver does not tell (WSL, some containers). */
const valueNotAvailable = 0xffff_ffff_ffff_ffffn;

/** Lists the programs, with more room as long as the driver asks for it. */
async function listProcesses(call: NvmlCall, device: NvmlHandle): Promise<readonly NvmlProcess[]> {
  for (let room = 64; ; room *= 2) {
    // An entry is 24 bytes; early 535 drivers wrote 32, so that much room is given.
    const entries = Buffer.alloc(room * 32);
    const count = Buffer.alloc(4);
    count.writeUInt32LE(room);
    try {
      await call(device, count, entries);
      return Array.from({ length: Math.min(room, count.readUInt32LE()) }, (_, index) =>
        decodeProcess(entries, index * 24),
      );
    } catch (error) {
      const isTooSmall = error instanceof NvmlError && error.code === insufficientSize;
      if (!isTooSmall || room > 2 ** 16) throw error;
    }
  }
}

/** nvmlProcessInfo_t: unsigned pid, padding, unsigned long long usedGpuMemory, unsigned gpu and compute instance. */
function decodeProcess(entries: Buffer, offset: number): NvmlProcess {
  const used = entries.readBigUInt64LE(offset + 8);
  return { pid: entries.readUInt32LE(offset), vramBytes: used === valueNotAvailable ? null : Number(used) };
}
