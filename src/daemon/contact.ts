import fs from "node:fs";
import net from "node:net";
import type { Runtime } from "../runtime/runtime.ts";
import type { Worker } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import { errnoOf } from "../std/failure.ts";
import type { WorkerProtocol } from "../worker/protocol.ts";
import type { ServiceSpec } from "../worker/service.ts";
import type { World } from "./world.ts";

/**
 * How a resident worker is spoken to. Decided before its program is started and the same for its whole life, also for
 * later daemons: what the runtime's file says by then is for workers to come.
 */
export interface Contact {
  readonly protocol: WorkerProtocol["name"];
  /** Path of a Unix socket, or `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Null for `orch`. */
  readonly service: ServiceSpec | null;
}

const PORT_TRIES = 20;

/**
 * Decides how a new worker will be spoken to, and writes it down unless it goes without saying (`orch` on its socket).
 * @returns the contact, with the port where its server is to listen on the host (null for `orch`)
 */
export async function makeContact(
  world: World,
  worker: Worker,
  runtime: Runtime,
): Promise<Contact & { readonly port: number | null }> {
  const { server, protocol } = runtime;
  if (server === null || protocol === "orch" || protocol === "exec")
    return { ...orchContact(world, worker.id), port: null };
  const isFixed = runtime.engine === "process" && server.port !== null;
  const port = isFixed ? must(server.port, "a fixed port is known") : await findFreePort(world);
  const { readyPath, model } = server;
  const contact: Contact = {
    protocol,
    endpoint: `http://127.0.0.1:${port}`,
    service: { readyPath, model },
  };
  fs.writeFileSync(world.places.contactFile(worker.id), JSON.stringify(contact), { mode: 0o600 });
  world.contacts.set(worker.id, contact);
  return { ...contact, port };
}

/** How a worker is spoken to, by this daemon's memory or by what an earlier one wrote down. */
export function contactOf(world: World, workerId: number): Contact {
  const known = world.contacts.get(workerId) ?? readContact(world, workerId);
  world.contacts.set(workerId, known);
  return known;
}

function readContact(world: World, workerId: number): Contact {
  try {
    return JSON.parse(fs.readFileSync(world.places.contactFile(workerId), "utf8")) as Contact;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return orchContact(world, workerId);
    throw error;
  }
}

function orchContact(world: World, workerId: number): Contact {
  return { protocol: "orch", endpoint: world.places.workerSocket(workerId), service: null };
}

/** A port that nobody listens on now and that no living worker was given; who takes it meanwhile makes the start fail. */
async function findFreePort(world: World): Promise<number> {
  const taken = new Set([...world.contacts.values()].map(({ endpoint }) => endpoint));
  for (let tries = 1; ; tries++) {
    const port = await askForPort();
    if (!taken.has(`http://127.0.0.1:${port}`) || tries === PORT_TRIES) return port;
  }
}

function askForPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
