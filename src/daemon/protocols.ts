import { Failure } from "../std/failure.ts";
import type { WorkerProtocol } from "../worker/protocol.ts";
import { createOrchProtocol } from "../worker/protocols/orch.ts";
import type { Contact } from "./contact.ts";

/** The way to talk to a worker. One object serves all workers of a protocol, or all of one service. */
export type ProtocolOf = (contact: Contact) => WorkerProtocol;

/** All protocols; see `ProtocolOf`. */
export function createProtocols(): ProtocolOf {
  const orch = createOrchProtocol();
  return ({ protocol }) => {
    if (protocol === "orch") return orch;
    throw new Failure("worker/failed", `protocol ${protocol} is not spoken yet`);
  };
}
