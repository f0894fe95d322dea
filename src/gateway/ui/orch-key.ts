import type { IncomingHttpHeaders } from "node:http";

/** All keys of orch begin so; what does and is none is refused, not passed on. */
const BEGIN = /^(?:Bearer +)?(orch_\S+) *$/i;

/** What in the headers is meant as a key of orch; null = nothing: other keys are for the worker's own program. */
export function orchKeyIn(headers: IncomingHttpHeaders): string | null {
  for (const given of [headers.authorization, headers["x-api-key"]]) {
    const key = BEGIN.exec(String(given ?? ""))?.[1];
    if (key !== undefined) return key;
  }
  return null;
}
