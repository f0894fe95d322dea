import { listenersOn } from "../../engine/listeners.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { Failure } from "../../std/failure.ts";
import type { Contact } from "./contact.ts";

/**
 * A worker's server that lets in other hosts, too, would serve whoever reaches its port there without a key of ours. Its runtime may say
 * that this is meant, or that the server asks for a key itself.
 * @throws Failure worker/failed
 */
export function refuseOpenPort(
  { endpoint }: Contact,
  { name, server }: Pick<Runtime, "name" | "server">,
): void {
  if (server === null || server.isPublic || server.keySecret !== null || endpoint.startsWith("/")) return;
  const port = Number(new URL(endpoint).port);
  if (!listenersOn(port).some(({ isPublic }) => isPublic)) return;
  throw new Failure("worker/failed", `the server of ${name} lets in other hosts`, {
    why: `it listens on port ${port} of all addresses, where nobody is asked for a key of orch`,
    hint: "have its command listen on 127.0.0.1 (--host 127.0.0.1), or set server: { public: true } in its runtime.yaml",
  });
}
