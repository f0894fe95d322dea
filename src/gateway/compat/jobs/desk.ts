import type { Caller } from "../../../protocol/operation.ts";
import type { Bodies } from "../../forward/bodies.ts";
import type { Exchange, GatewayPort } from "../../port.ts";
import { answerText } from "../answer.ts";
import { type Runtimes, readRuntimes } from "./app-runtime.ts";
import type { ReadRegistry } from "./registry.ts";

/** What the calls of the job orchestrator share. */
export interface JobsDesk {
  readonly port: GatewayPort;
  readonly registry: ReadRegistry;
  readonly bodies: Bodies;
}

/** One call: answers itself; what it throws is answered by the surface. */
export type JobsCall = (desk: JobsDesk, exchange: Exchange, id: string) => Promise<void> | void;

/** Runtimes and apps as they are at this moment. */
export function runtimesNow({ port, registry }: JobsDesk, caller: Caller): Promise<Runtimes> {
  return readRuntimes(port, caller, registry());
}

/** Admin pages are of other origins. */
export const ADMIN_HEADERS = { "access-control-allow-origin": "*" };

/** Refuses in the words that clients know. */
export function refuse({ response, path }: Exchange, status: number, text: string): void {
  answerText(response, status, `${text}\n`, path.includes("/admin/") ? ADMIN_HEADERS : {});
}
