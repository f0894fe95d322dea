import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createWaker } from "../../operations/waker.ts";
import type { Caller } from "../../protocol/operation.ts";
import { type EventStream, eventText, lastEventId, openEventStream } from "../event-stream.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { createRenderer, type StateParts } from "./state-parts.ts";

/** Shows the state of things to many at once. */
export interface StateStream {
  /** Answers with a stream: first all of it, then what changes. Resolves when the reader has gone. */
  show(exchange: Pick<Exchange, "request" | "response" | "caller" | "signal">): Promise<void>;
}

/** Twice a second at most. */
const LEAST_MS = 500;
/** Sensors of GPUs and times that are foretold change without being told of. */
const MOST_MS = 2_000;
/** Who has not read so much is cut off, and comes back by himself for the state as it is then. */
const MOST_UNREAD_BYTES = 512 * 1024;

/** Those who see the same, since they have the same rights: what they are sent is made once. */
interface Audience {
  readonly streams: Set<EventStream>;
  /** Ends the looking when the last one has gone. */
  readonly controller: AbortController;
  /** Ids of another audience, or of an earlier daemon, say nothing here. */
  readonly name: string;
  version: number;
  parts: StateParts;
  /** When these were looked at. */
  at: string;
}

/** Nobody watches yet, so nothing is looked at. */
export function createStateStream(port: GatewayPort): StateStream {
  const audiences = new Map<string, Audience>();
  const open = (rights: string, caller: Caller): Audience => {
    const audience = newAudience();
    audiences.set(rights, audience);
    perform(port, audience, caller)
      .catch((error: unknown) => port.log.warn({ err: error }, "the dashboard could not be told the state"))
      .finally(() => {
        if (audiences.get(rights) === audience) audiences.delete(rights);
        for (const stream of audience.streams) stream.end();
      });
    return audience;
  };
  return {
    async show({ request, response, caller, signal }) {
      const rights = caller.isAdmin === true ? "admin" : String(caller.uid);
      const audience = audiences.get(rights) ?? open(rights, caller);
      const stream = openEventStream(response);
      // Before the first look there is nothing yet, and that one goes to all.
      if (audience.version > 0 && lastEventId(request.headers) !== idOf(audience))
        stream.send(eventOf(audience, audience.parts));
      audience.streams.add(stream);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      audience.streams.delete(stream);
      if (audience.streams.size > 0) return;
      if (audiences.get(rights) === audience) audiences.delete(rights);
      audience.controller.abort();
    },
  };
}

function newAudience(): Audience {
  return {
    streams: new Set(),
    controller: new AbortController(),
    name: randomBytes(6).toString("base64url"),
    version: 0,
    parts: new Map(),
    at: "",
  };
}

/** Looks again and again, and tells all of them what changed. */
async function perform(port: GatewayPort, audience: Audience, caller: Caller): Promise<void> {
  const { signal } = audience.controller;
  const render = createRenderer(port);
  const waker = createWaker(port.feed, () => true, signal);
  try {
    while (!signal.aborted) {
      const parts = await render(caller, signal);
      const changed = new Map([...parts].filter(([name, json]) => audience.parts.get(name) !== json));
      if (changed.size > 0) {
        audience.parts = parts;
        audience.at = new Date(port.clock.nowMs()).toISOString();
        audience.version += 1;
        tell(audience, Buffer.from(eventOf(audience, changed)));
      }
      await sleep(LEAST_MS, undefined, { signal }).catch(() => undefined);
      await waker.wait(MOST_MS - LEAST_MS);
    }
  } finally {
    waker.close();
  }
}

function tell({ streams }: Audience, bytes: Buffer): void {
  for (const stream of streams) {
    if (stream.unreadBytes() > MOST_UNREAD_BYTES) stream.cut();
    else stream.send(bytes);
  }
}

function idOf({ name, version }: Audience): string {
  return `${name}.${version}`;
}

function eventOf(audience: Audience, parts: StateParts): string {
  const texts = [...parts].map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  const data = `{${[`"at":${JSON.stringify(audience.at)}`, ...texts].join(",")}}`;
  return eventText(idOf(audience), data, "state");
}
