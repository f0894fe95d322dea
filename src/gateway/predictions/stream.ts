import type { ServerResponse } from "node:http";
import type { Json } from "../../std/json.ts";
import { type EventStream, openEventStream } from "../event-stream.ts";
import type { Numbered, PredictionEvent } from "./events.ts";

/** An event as it is sent: its name and its data; null = it is not told. */
type Tell = (event: PredictionEvent) => { readonly name: string; readonly data: string } | null;

/** Answers with events until the last; a reader that is slow is waited for. */
export async function streamEvents(
  response: ServerResponse,
  events: AsyncIterable<Numbered>,
  tell: Tell,
): Promise<void> {
  const stream = openEventStream(response);
  for await (const { id, event } of events) {
    const told = tell(event);
    if (told !== null && !stream.send(textOf(id, told.name, told.data))) await stream.drained();
    if (response.destroyed) return;
  }
  end(stream);
}

function end(stream: EventStream): void {
  stream.end();
}

/** Data of several lines is several data lines. */
function textOf(id: string, name: string, data: string): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `id: ${id}\nevent: ${name}\n${lines.join("")}\n`;
}

/** As the server of a Cog container tells it. */
export function tellAsCog(id: string): Tell {
  return (event) => {
    switch (event.type) {
      case "start":
        return json("start", { id, status: "processing" });
      case "log":
        return json("log", { source: "stdout", data: event.text });
      case "metric":
        return json("metric", { name: "progress", value: event.value, mode: "replace" });
      case "output":
        return json("output", { chunk: event.chunk, index: event.index });
      case "completed":
        return json("completed", event.prediction);
    }
  };
}

/** As Replicate's streams tell it: texts as they are. */
export const tellAsReplicate: Tell = (event) => {
  switch (event.type) {
    case "start":
    case "metric":
      return null;
    case "log":
      return { name: "logs", data: event.text };
    case "output":
      return {
        name: "output",
        data: typeof event.chunk === "string" ? event.chunk : JSON.stringify(event.chunk),
      };
    case "completed": {
      const { status, error } = event.prediction;
      if (status === "failed") return { name: "error", data: JSON.stringify({ detail: error ?? null }) };
      return json("done", status === "canceled" ? { reason: "canceled" } : {});
    }
  }
};

function json(name: string, data: Json): { name: string; data: string } {
  return { name, data: JSON.stringify(data) };
}
