/** The program that reads what the AMD driver tells in sysfs: `node amd-helper.js [sysfs]`; see serve-helper.ts. */
import { toFailure } from "../../std/failure.ts";
import { serveHelper } from "../serve-helper.ts";
import { readAmdGpus, readAmdProcesses } from "./amd-cards.ts";

serveHelper<string>({
  open: async () => process.argv[2] ?? "/sys",
  driverVersion: async () => null,
  operations: { read: readAmdGpus, processes: readAmdProcesses },
  toFailure,
});
