import { describeHolderOf, isHeldBy, type Listener, listenersOn } from "../../engine/listeners.ts";
import type { Health } from "../../worker/protocol.ts";
import type { Hand } from "../hands.ts";
import type { World } from "../world.ts";
import type { Contact } from "./contact.ts";

/** One look at a worker by the path that its jobs take; null while nobody answers. Ends within `deadlineMs`. */
export type Probe = (deadlineMs: number) => Promise<Health | null>;

/** A stranger that keeps a worker's port this long will be there when the worker wants it: better a start with another. */
const STRANGER_PATIENCE_MS = 10_000;

/**
 * Makes the probe of a worker. Of a TCP port it is first seen who listens there: whatever answers from the port of
 * another program is not believed. Whose ports containers have only their engine knows.
 */
export function createProbe(world: World, hand: Hand, contact: Contact): Probe {
  const { endpoint } = contact;
  const protocol = world.protocolOf(contact);
  const port = endpoint.startsWith("/") ? null : Number(new URL(endpoint).port);
  const known = new Set<string>();
  let strangerSinceMs: number | null = null;
  return async (deadlineMs) => {
    if (port === null) return protocol.health(endpoint, deadlineMs);
    const listeners = listenersOn(port);
    if (listeners.length === 0) return null;
    const stranger = await findStranger(world, hand, listeners, known);
    if (stranger === null) return protocol.health(endpoint, deadlineMs);
    const nowMs = world.clock.monotonicMs();
    strangerSinceMs ??= nowMs;
    const status = nowMs - strangerSinceMs > STRANGER_PATIENCE_MS ? "failed" : "starting";
    const detail = `its port ${port} is held by ${describeHolderOf(stranger)}, which is not part of the worker`;
    return { status, detail, vramBytes: null };
  };
}

/** The first of the listeners that is not the worker's; null = all are. Those of it are remembered in `known`. */
async function findStranger(
  world: World,
  { workerId, identity }: Hand,
  listeners: readonly Listener[],
  known: Set<string>,
): Promise<Listener | null> {
  const unknown = listeners.filter(({ inode }) => !known.has(inode));
  if (unknown.length === 0 || identity === null) return null;
  const pids = await world.engine.members(world.places.workerDir(workerId), identity);
  if (pids === null) return null;
  for (const listener of unknown) {
    if (!isHeldBy(pids, listener)) return listener;
    known.add(listener.inode);
  }
  return null;
}
