import { Failure } from "../std/failure.ts";
import { LostTouch } from "./service-connection.ts";

/** Longest event that is taken from a server, in characters. */
const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024;

/** One server-sent event. */
export interface ServerEvent {
  /** "message" unless the server named it. */
  readonly name: string;
  readonly data: string;
}

/**
 * Reads server-sent events (the HTML standard's text/event-stream): lines end with CR, LF or both, an event with an
 * empty line. Bytes may be cut anywhere. Events without data are left out; so is a last one without its empty line.
 * @throws LostTouch when the stream breaks off, Failure job/failed for an event longer than 4 MiB
 */
export async function* readEvents(chunks: AsyncIterable<Buffer>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  const reader = createEventReader();
  try {
    for await (const chunk of chunks) yield* reader.push(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new LostTouch("the server broke off its answer");
  }
}

function createEventReader(): { push(text: string): ServerEvent[] } {
  let pending = "";
  let name = "";
  let data: string[] = [];
  let dataCharacters = 0;

  const takeLine = (line: string): ServerEvent | null => {
    if (line === "") {
      const event =
        data.length === 0 ? null : { name: name === "" ? "message" : name, data: data.join("\n") };
      name = "";
      data = [];
      dataCharacters = 0;
      return event;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") {
      data.push(value);
      dataCharacters += value.length;
    }
    return null;
  };

  const refuseLong = (): void => {
    if (pending.length + dataCharacters <= MAX_EVENT_CHARACTERS) return;
    throw new Failure("job/failed", "the server sent an event longer than 4 MiB");
  };

  let isCrPending = false;
  return {
    push(text) {
      const events: ServerEvent[] = [];
      // A long line in many pieces is not searched again for each of them.
      const isWithoutEnd = !isCrPending && !/[\r\n]/.test(text);
      if (isWithoutEnd) {
        pending += text;
        refuseLong();
        return events;
      }
      const lines = (pending + text).split(/\r\n|\n|\r(?!$)/);
      // A CR at the very end may be half of a CRLF, so it stays with what is pending.
      pending = lines.pop() ?? "";
      isCrPending = pending.endsWith("\r");
      for (const line of lines) {
        const event = takeLine(line);
        if (event !== null) events.push(event);
      }
      refuseLong();
      return events;
    },
  };
}
