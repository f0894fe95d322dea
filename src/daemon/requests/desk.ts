import type { RequestDesk } from "../../gateway/request-port.ts";
import type { Context } from "../../operations/context.ts";
import { Failure } from "../../std/failure.ts";

/** Takes requests in. */
export function createDesk(_ctx: Context): RequestDesk {
  const notYet = (): Failure => new Failure("daemon/stopping", "requests are not taken yet");
  return {
    models: () => [],
    model: () => {
      throw notYet();
    },
    enter: () => Promise.reject(notYet()),
  };
}
