import { Failure } from "../std/failure.ts";

/** More than the limit of a key or an address. */
export class TooMany extends Failure {
  /** When it may be tried again; infinite = never. */
  readonly retryAfterMs: number;

  constructor(code: "request/too-many" | "quota/refused", message: string, retryAfterMs: number) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    super(code, message, {
      hint: Number.isFinite(seconds) ? `try it again in ${seconds} s` : "ask for fewer at once",
    });
    this.retryAfterMs = retryAfterMs;
  }
}
