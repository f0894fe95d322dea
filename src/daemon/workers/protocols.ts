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

/** All protocols; see `ProtocolOf`. */
export function createProtocols(): ProtocolOf {
  const orch = createOrchProtocol();
  // A contact is one object for the life of its worker; a later worker on the same port has another one.
  const services = new WeakMap<Contact, WorkerProtocol>();
  return (contact) => {
    const { protocol, endpoint, service } = contact;
    if (protocol === "orch") return orch;
    const known =
      services.get(contact) ??
      makers[protocol](endpoint, must(service, `protocol ${protocol} has a service`));
    services.set(contact, known);
    return known;
  };
}
