import fs from "node:fs";
import net from "node:net";
import { describeHolderOf, listenersOn } from "../../engine/listeners.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Worker } from "../../scheduler/model.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { WorkerProtocol } from "../../worker/protocol.ts";
import type { ServiceSpec } from "../../worker/service.ts";
import type { World } from "../world.ts";

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
  /** How files of jobs get in and out, for workers of protocol `orch` in containers; see exchange.ts. */
  readonly exchange?: Exchange;
}

/** The folder that a worker in a container shares with the daemon. */
export interface Exchange {
  readonly dir: string;
  readonly fileParams: readonly string[];
  /** The container runs as the daemon's own user, or as the one whom it has for workers. */
  readonly isOurUser: boolean;
}

const PORT_TRIES = 20;

/**
 * Decides how a new worker will be spoken to, and writes it down unless it goes without saying (`orch` on its socket).
 * @returns the contact, with the port where its server is to listen on the host (null for `orch`)
 * @throws Failure worker/failed when the port that its runtime names is taken
 */
export async function makeContact(
  world: World,
  worker: Worker,
  runtime: Runtime,
): Promise<Contact & { readonly port: number | null }> {
  const { server, protocol } = runtime;
  if (server === null || protocol === "orch" || protocol === "exec") {
    const contact = orchContact(world, worker.id);
    if (runtime.engine === "process" || protocol === "exec") return { ...contact, port: null };
    const endpoint = world.places.containerSocket(worker.id);
    const exchange: Exchange = {
      dir: world.places.exchangeDir(worker.id),
      fileParams: fileParamsOf(runtime),
      isOurUser: (runtime.container?.user ?? "daemon") === "daemon",
    };
    return { ...keep(world, worker.id, { ...contact, endpoint, exchange }), port: null };
  }
  const isOnHost = runtime.engine === "process" || runtime.container?.network === "host";
  const port = isOnHost && server.port !== null ? await claimPort(server.port) : await findFreePort(world);
  const contact: Contact = {
    protocol,
    endpoint: `http://127.0.0.1:${port}`,
    service: serviceOf(runtime, server),
  };
  return { ...keep(world, worker.id, contact), port };
}

function serviceOf({ name, params }: Runtime, server: NonNullable<Runtime["server"]>): ServiceSpec {
  const { port: _port, isPublic: _isPublic, keySecret, ...spec } = server;
  const names = Object.keys(params);
  return {
    ...spec,
    // By its name: what is written down holds no secret.
    key: keySecret === null ? null : { runtime: name, secret: keySecret },
    fileParams: fileParamsOf({ params }),
    loadParams: names.filter((name) => params[name]?.load === true),
  };
}

function fileParamsOf({ params }: Pick<Runtime, "params">): string[] {
  return Object.keys(params).filter((name) => params[name]?.type === "file" && params[name].load !== true);
}

function keep(world: World, workerId: number, contact: Contact): Contact {
  fs.writeFileSync(world.places.contactFile(workerId), JSON.stringify(contact), { mode: 0o600 });
  world.contacts.set(workerId, contact);
  return contact;
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

/** Whoever listens on a server's port would be taken for it, and told its jobs. */
async function claimPort(port: number): Promise<number> {
  try {
    return await askForPort(port);
  } catch (error) {
    const [holder] = listenersOn(port);
    const why = holder === undefined ? errnoOf(error) : `it is held by ${describeHolderOf(holder)}`;
    throw new Failure("worker/failed", `port ${port}, which the runtime names, cannot be had`, {
      why,
      hint: "leave server.port out and give the server {port}, or stop the other program",
      cause: error,
    });
  }
}

/** @param wanted 0 = any that is free */
function askForPort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(wanted, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
