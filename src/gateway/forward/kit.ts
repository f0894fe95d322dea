import type { GatewayPort } from "../port.ts";
import type { Bodies } from "./bodies.ts";
import type { Connections } from "./connections.ts";

/** What all surfaces share that send requests to workers. */
export interface Kit {
  readonly port: GatewayPort;
  readonly connections: Connections;
  readonly bodies: Bodies;
  /** Largest upload. */
  readonly maxUploadBytes: number;
}
