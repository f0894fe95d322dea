import { z } from "zod";
import { WireFailure } from "../wire-failure.ts";

/** What the daemon asks the NVML helper, one JSON document a line on the helper's stdin. */
export interface HelperRequest {
  readonly id: number;
  readonly op: HelperOperation;
}
export type HelperOperation = "read" | "processes" | "topology";

/** One GPU as NVML shows it. `error` says why this GPU alone cannot be read; the rest is then null. */
export const WireDevice = z.object({
  index: z.number(),
  uuid: z.string().nullable(),
  name: z.string().nullable(),
  /** The UUID of the board that it is an instance of; null for a board. */
  parent: z.string().nullable(),
  /** Its name among NVIDIA's tools, e.g. "0.7". */
  instance: z.string().nullable(),
  error: z.string().nullable(),
  /** Set when the error is one that does not pass by itself. */
  fault: z.enum(["lost", "reset-required", "xid"]).nullable(),
  memory: z.object({ totalBytes: z.number(), usedBytes: z.number(), freeBytes: z.number() }).nullable(),
  utilizationPercent: z.number().nullable(),
  temperatureCelsius: z.number().nullable(),
  powerWatts: z.number().nullable(),
});
export type WireDevice = z.infer<typeof WireDevice>;

/** The programs on one GPU. GPUs whose programs the driver does not tell are left out. */
export const WireProcesses = z.object({
  uuid: z.string(),
  processes: z.array(z.object({ pid: z.number(), vramBytes: z.number().nullable() })),
});
export type WireProcesses = z.infer<typeof WireProcesses>;

/** How one GPU is connected; null and empty where the driver does not tell. */
export const WireTopology = z.object({
  uuid: z.string(),
  pciAddress: z.string().nullable(),
  nvlinkPeers: z.array(z.string()),
});
export type WireTopology = z.infer<typeof WireTopology>;

/**
 * What the helper says, one JSON document a line on its stdout: first how its start went ("load" = koffi or the
 * library is absent, "init" = the library is there but the driver refuses), then one answer for each request.
 */
export const HelperMessage = z.union([
  z.object({ hello: z.literal("ready"), driverVersion: z.string().nullable() }),
  z.object({ hello: z.literal("failed"), stage: z.enum(["load", "init"]), failure: WireFailure }),
  z.object({ id: z.number(), ok: z.literal(true), value: z.unknown() }),
  z.object({ id: z.number(), ok: z.literal(false), failure: WireFailure }),
]);
export type HelperMessage = z.infer<typeof HelperMessage>;
