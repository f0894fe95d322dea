import { Failure } from "../std/failure.ts";

/** More than the limit of a key or an address. */
export class TooMany extends Failure {
  /** When it may be tried again; infinite = never. */
  readonly retryAfterMs: number;
  /** Whose limit it is; null = no key's. */
  readonly keyId: string | null;

  constructor(
    code: "request/too-many" | "quota/refused",
    message: string,
    retryAfterMs: number,
    keyId: string | null = null,
  ) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    super(code, message, {
      hint: Number.isFinite(seconds) ? `try it again in ${seconds} s` : "ask for fewer at once",
    });
    this.retryAfterMs = retryAfterMs;
    this.keyId = keyId;
  }
}
