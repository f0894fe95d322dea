import { listenersOn } from "../../engine/listeners.ts";
import type { Worker } from "../../scheduler/model.ts";
import type { World } from "../world.ts";
import type { Contact } from "./contact.ts";

/** Says in the log that a worker's server lets in other hosts, too: whoever reaches its port there is asked for no key of ours. */
export function warnOfOpenPort(
  { log }: Pick<World, "log">,
  { name }: Pick<Worker, "name">,
  { endpoint }: Contact,
): void {
  const port = endpoint.startsWith("/") ? null : Number(new URL(endpoint).port);
  if (port === null || !listenersOn(port).some(({ isPublic }) => isPublic)) return;
  log.warn(
    { worker: name, port },
    "the server of a worker listens on all addresses of this host, where it needs no key of orch; its command should have it listen on 127.0.0.1",
  );
}
