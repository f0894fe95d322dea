import { StringDecoder } from "node:string_decoder";
import { Failure } from "../../std/failure.ts";

/** Longest event of a stream: a picture in it may be some MiB. */
const LONGEST_CHARACTERS = 32 * 1024 * 1024;

/** Finds events in a stream (text/event-stream) that comes in pieces. */
export interface EventSplitter {
  /** @returns the data of those that are whole now. @throws Failure worker/failed when one has no end */
  take(chunk: Buffer): string[];
}

/** At the begin of a stream. */
export function createEventSplitter(): EventSplitter {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return {
    take(chunk) {
      rest += decoder.write(chunk);
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      if (rest.length > LONGEST_CHARACTERS)
        throw new Failure("worker/failed", "the worker's stream holds an event without an end");
      return blocks.map(dataOf).filter((data) => data !== "");
    },
  };
}

function dataOf(block: string): string {
  const lines = block.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).trimStart()).join("\n");
}
