/** The program that talks to the NVIDIA driver for the daemon: `node nvml-helper.js [library]`; see serve-helper.ts. */
import { Failure, toFailure } from "../../std/failure.ts";
import { serveHelper } from "../serve-helper.ts";
import { bindNvmlCalls, type NvmlCalls } from "./nvml-calls.ts";
import { readDeviceProcesses, readDevices } from "./nvml-devices.ts";
import { NvmlError, openNvmlLibrary } from "./nvml-library.ts";
import { readTopology } from "./nvml-topology.ts";
import { createXidWatch, type XidWatch } from "./nvml-xids.ts";

let xids: XidWatch | null = null;

serveHelper<NvmlCalls>({
  async open(atStage) {
    const calls = bindNvmlCalls(await openNvmlLibrary(process.argv[2] ?? null));
    atStage("init");
    await calls.init();
    return calls;
  },
  driverVersion: (calls) => calls.driverVersion().catch(() => null),
  operations: {
    read: (calls) => {
      xids ??= createXidWatch(calls);
      return readDevices(calls, xids);
    },
    processes: readDeviceProcesses,
    topology: readTopology,
  },
  toFailure(error) {
    if (!(error instanceof NvmlError)) return toFailure(error);
    return new Failure("gpu/unavailable", `the NVIDIA driver refuses: ${error.message}`, {
      hint: "nvidia-smi",
    });
  },
});
