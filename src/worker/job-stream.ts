import type { IncomingMessage } from "node:http";
import { unreachable } from "../std/assert.ts";
import type { Json } from "../std/json.ts";
import { parseJobEvent } from "./job-event.ts";
import { createLineSplitter, MAX_LINE_BYTES } from "./line-splitter.ts";
import { saysOutOfMemory } from "./out-of-memory.ts";
import type { Artifact, JobEvent, JobOutcome } from "./protocol.ts";
import { createWrittenText } from "./written-text.ts";

/** How long a worker may take to end its stream after the last event, before the connection is given up. */
const END_DELAY_MS = 1_000;

/**
 * Reads the event stream of a job to its end: `onEvent` sees progress, log, text, output and artifact as they come.
 * Anything that is not the protocol, and a stream that just ends, makes the job `lost`. Never rejects.
 */
export function readJobStream(
  answer: IncomingMessage,
  onEvent: (event: JobEvent) => void,
): Promise<JobOutcome> {
  const collector = createCollector(onEvent);
  const lines = createLineSplitter();
  return new Promise((resolve) => {
    let outcome: JobOutcome | null = null;
    let endTimer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(endTimer);
      resolve(outcome ?? lost("the worker ended the stream of the job without its result"));
    };
    const giveUp = (): void => {
      answer.destroy();
      finish();
    };
    answer.on("data", (chunk: Buffer) => {
      if (outcome !== null) return;
      for (const line of lines.push(chunk)) outcome ??= collector.take(line);
      if (lines.hasDropped) outcome ??= lost(`the worker sent a line longer than ${MAX_LINE_BYTES} bytes`);
      if (outcome === null) return;
      // Only after its end can the connection serve the next job; a lost one is not to be trusted with any.
      if (outcome.kind === "lost") giveUp();
      else endTimer = setTimeout(giveUp, END_DELAY_MS);
    });
    answer.on("error", () => undefined);
    answer.once("end", finish);
    answer.once("close", finish);
  });
}

function createCollector(onEvent: (event: JobEvent) => void): { take(line: string): JobOutcome | null } {
  let output: Json = null;
  const written = createWrittenText();
  const artifacts = new Map<string, Artifact>();
  return {
    take(line) {
      const event = parseJobEvent(line);
      if (event === null) return lost(`the worker sent something that is no event: ${line.slice(0, 80)}`);
      if (event.type === "output") output = event.output;
      if (event.type === "text" && !written.add(event.text))
        return lost("the worker sent more than 1 MiB of text");
      // Saved again under the same name: the later one is what lies there now.
      if (event.type === "artifact") artifacts.set(event.artifact.name, event.artifact);
      const outcome = outcomeOf(event, output ?? (written.text() || null), artifacts);
      if (outcome === null) onEvent(event);
      return outcome;
    },
  };
}

function outcomeOf(
  event: JobEvent,
  output: Json,
  artifacts: ReadonlyMap<string, Artifact>,
): JobOutcome | null {
  if (event.type === "done") return { kind: "succeeded", output, artifacts: [...artifacts.values()] };
  if (event.type !== "error") return null;
  switch (event.code) {
    case "failed":
      return saysOutOfMemory(event.message)
        ? { kind: "failed", message: event.message, cause: "out-of-memory" }
        : { kind: "failed", message: event.message };
    case "out-of-memory":
      return { kind: "failed", message: event.message, cause: "out-of-memory" };
    case "cancelled":
      return { kind: "cancelled", message: event.message };
    case "stale-fence":
    case "busy":
      return lost(`the worker refused the job (${event.code}): ${event.message}`);
    default:
      return unreachable(event.code);
  }
}

/** The outcome of a job of which nobody knows whether it ran. */
export function lost(message: string): JobOutcome {
  return { kind: "lost", message };
}
