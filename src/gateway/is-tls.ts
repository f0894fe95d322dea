import type { IncomingMessage } from "node:http";

/** Whether a request came over TLS of ours. */
export function isTls({ socket }: Pick<IncomingMessage, "socket">): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}
