import type { Turn } from "../../gateway/request-port.ts";
import type { Effect } from "../../scheduler/effects.ts";
import type { RunOutcome } from "../../scheduler/events.ts";
import { firstModelOf } from "../../worker/protocols/openai.ts";
import type { Hand } from "../hands.ts";
import { type Contact, contactOf } from "../workers/contact.ts";
import { stopSurely } from "../workers/stop-surely.ts";
import type { World } from "../world.ts";

type RunJob = Extract<Effect, { type: "run-job" }>;

/** A worker that does not answer within this long, after a request to it broke, is stopped. */
const BROKEN_STOP_MS = 2_000;

/**
 * The place of a request on its worker; null when the worker has gone meanwhile: then its exit is what the scheduler hears.
 * @param isGivenUp whether the caller has gone
 */
export async function takeTurn(
  world: World,
  { workerId, jobId, attempt }: RunJob,
  isGivenUp: () => boolean,
): Promise<Turn | null> {
  const hand = world.hands.get(workerId);
  const worker = world.state().workers.get(workerId);
  if (hand === undefined || worker === undefined) return null;
  if (hand.inherited) await hand.settled;
  const contact = contactOf(world, workerId);
  const model = await modelOf(world, contact);
  let isOver = false;
  const report = (outcome: RunOutcome): void => world.report({ type: "job-ended", jobId, attempt, outcome });
  return {
    worker: { id: workerId, name: worker.name, gpus: worker.leases.map(({ gpu }) => gpu.uuid) },
    protocol: contact.protocol,
    endpoint: contact.endpoint,
    headers: headersOf(world, contact),
    model,
    waitingThen: worker.lane.queue.size,
    end(how) {
      if (isOver) return;
      isOver = true;
      hand.heardAtMs = world.clock.monotonicMs();
      if (how === "lost" && !isGivenUp()) return void endLost(world, hand, contact, report);
      world.measure(worker);
      report(outcomeOf(isGivenUp() ? "cancelled" : how));
    },
  };
}

/** How a request came out, which has nothing to show. */
export function outcomeOf(kind: RunOutcome["kind"]): RunOutcome {
  const message = kind === "succeeded" ? null : kind === "cancelled" ? "its caller has gone" : "it failed";
  return { kind, exitCode: kind === "succeeded" ? 0 : null, message, output: null, artifacts: null };
}

/** A worker that cannot serve any other request either is stopped, and its exit tells what becomes of this one. */
async function endLost(
  world: World,
  hand: Hand,
  contact: Contact,
  report: (outcome: RunOutcome) => void,
): Promise<void> {
  const health = await world.protocolOf(contact).health(contact.endpoint, BROKEN_STOP_MS);
  const isBroken = health === null || health.status === "failed";
  if (!isBroken) return report(outcomeOf("lost"));
  if (hand.isGone || hand.identity === null) return;
  hand.note = "it did not answer a request any more";
  await stopSurely(world, hand, BROKEN_STOP_MS);
}

function readKeyOf(world: World, { service }: Contact): (() => string) | null {
  const key = service?.key ?? null;
  if (key === null) return null;
  return () => world.secrets.forWorker(key.runtime, [key.secret])[key.secret] ?? "";
}

function headersOf(world: World, contact: Contact): Record<string, string> {
  const readKey = readKeyOf(world, contact);
  return readKey === null ? {} : { authorization: `Bearer ${readKey()}` };
}

/** What servers list first does not change while they live. */
const listed = new WeakMap<Contact, Promise<string | null>>();

function modelOf(world: World, contact: Contact): string | null | Promise<string | null> {
  const { protocol, service, endpoint } = contact;
  if (protocol !== "openai" || service === null) return null;
  if (service.model !== null) return service.model;
  const known = listed.get(contact) ?? firstModelOf(endpoint, readKeyOf(world, contact));
  listed.set(contact, known);
  return known;
}
