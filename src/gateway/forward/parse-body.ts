import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";

/** The JSON object that a body holds, of which it is known that it is one. @throws Failure request/malformed */
export function parseBody(body: Buffer): Readonly<Record<string, Json>> {
  try {
    return JSON.parse(body.toString("utf8")) as Readonly<Record<string, Json>>;
  } catch {
    throw new Failure("request/malformed", "the body of the request is not JSON");
  }
}
