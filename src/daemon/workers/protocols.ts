import { must } from "../../std/assert.ts";
import type { WorkerProtocol } from "../../worker/protocol.ts";
import { createCogProtocol } from "../../worker/protocols/cog.ts";
import { createHttpProtocol } from "../../worker/protocols/http.ts";
import { createOpenaiProtocol } from "../../worker/protocols/openai.ts";
import { createOrchProtocol } from "../../worker/protocols/orch.ts";
import type { Contact } from "./contact.ts";

/** The way to talk to a worker. One object serves all workers of `orch`, and one each server that was not written for it. */
export type ProtocolOf = (contact: Contact) => WorkerProtocol;

const makers = { openai: createOpenaiProtocol, cog: createCogProtocol, http: createHttpProtocol };

/**
 * All protocols; see `ProtocolOf`.
 * @param readSecret the value of a runtime's secret, as it is now; it may throw
 */
export function createProtocols(readSecret: (runtime: string, name: string) => string): ProtocolOf {
  const orch = createOrchProtocol();
  // A contact is one object for the life of its worker; a later worker on the same port has another one.
  const services = new WeakMap<Contact, WorkerProtocol>();
  return (contact) => {
    const { protocol, endpoint, service } = contact;
    if (protocol === "orch") return orch;
    const spec = must(service, `protocol ${protocol} has a service`);
    const { key } = spec;
    const readKey = key ? () => readSecret(key.runtime, key.secret) : null;
    const known = services.get(contact) ?? makers[protocol](endpoint, spec, readKey);
    services.set(contact, known);
    return known;
  };
}
