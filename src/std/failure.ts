/**
 * One table maps each failure code to the exit code of the CLI and the HTTP status of the API.
 * Exit codes: 0 ok, 1 failed, 2 usage, 3 no daemon, 4 not allowed, 5 not found, 6 refused, 8 not finished,
 * 124 timed out, 125 orch itself failed, 130 interrupted.
 */
export const failureTable = {
  "usage/invalid": { exit: 2, http: 400 },
  "usage/unknown-command": { exit: 2, http: 400 },
  "request/malformed": { exit: 2, http: 400 },
  "request/too-large": { exit: 2, http: 413 },
  "request/unknown-route": { exit: 125, http: 404 },
  "param/unknown": { exit: 2, http: 400 },
  "param/missing": { exit: 2, http: 400 },
  "param/invalid": { exit: 2, http: 400 },
  "file/missing": { exit: 2, http: 400 },
  "file/unreadable": { exit: 2, http: 400 },
  "file/exists": { exit: 6, http: 409 },
  "config/invalid": { exit: 2, http: 400 },
  "runtime/invalid": { exit: 2, http: 400 },
  "runtime/unknown": { exit: 5, http: 404 },
  "runtime/start-failed": { exit: 1, http: 503 },
  "job/unknown": { exit: 5, http: 404 },
  "job/state": { exit: 6, http: 409 },
  "job/not-finished": { exit: 8, http: 409 },
  "job/failed": { exit: 1, http: 409 },
  "worker/unknown": { exit: 5, http: 404 },
  "worker/state": { exit: 6, http: 409 },
  "worker/failed": { exit: 1, http: 502 },
  "worker/no-sleep": { exit: 6, http: 409 },
  "worker/no-memory": { exit: 6, http: 503 },
  "gpu/unknown": { exit: 5, http: 404 },
  "gpu/state": { exit: 6, http: 409 },
  "gpu/too-many": { exit: 6, http: 422 },
  "gpu/too-large": { exit: 6, http: 422 },
  "host/too-large": { exit: 6, http: 422 },
  "quota/refused": { exit: 6, http: 429 },
  "job/deadline": { exit: 2, http: 400 },
  "gpu/unavailable": { exit: 6, http: 503 },
  "idempotency/conflict": { exit: 6, http: 409 },
  "array/unknown": { exit: 5, http: 404 },
  "dependency/unknown": { exit: 5, http: 404 },
  "dependency/failed": { exit: 6, http: 409 },
  "schedule/unknown": { exit: 5, http: 404 },
  "schedule/exists": { exit: 6, http: 409 },
  "artifact/unknown": { exit: 5, http: 404 },
  "task/unknown": { exit: 5, http: 404 },
  "task/invalid": { exit: 2, http: 400 },
  "reservation/unknown": { exit: 5, http: 404 },
  "reservation/invalid": { exit: 2, http: 400 },
  "reservation/refused": { exit: 6, http: 409 },
  "permission/denied": { exit: 4, http: 403 },
  "key/refused": { exit: 4, http: 401 },
  "key/unknown": { exit: 5, http: 404 },
  "key/exists": { exit: 6, http: 409 },
  "gateway/off": { exit: 6, http: 409 },
  "request/too-many": { exit: 6, http: 429 },
  "request/lost": { exit: 6, http: 503 },
  "daemon/unreachable": { exit: 3, http: 503 },
  "daemon/running": { exit: 6, http: 409 },
  "daemon/stopping": { exit: 3, http: 503 },
  "daemon/start-failed": { exit: 3, http: 503 },
  "socket/path-too-long": { exit: 2, http: 400 },
  "socket/taken": { exit: 6, http: 409 },
  "state/unwritable": { exit: 125, http: 500 },
  "store/full": { exit: 125, http: 507 },
  "store/damaged": { exit: 125, http: 500 },
  "store/newer": { exit: 125, http: 500 },
  "store/busy": { exit: 125, http: 503 },
  "store/failing": { exit: 125, http: 500 },
  "engine/failed": { exit: 125, http: 502 },
  "engine/unavailable": { exit: 6, http: 503 },
  "engine/unprepared": { exit: 6, http: 503 },
  "service/unavailable": { exit: 6, http: 503 },
  "service/failed": { exit: 1, http: 500 },
  "native/missing": { exit: 125, http: 500 },
  "wait/timeout": { exit: 124, http: 504 },
  interrupted: { exit: 130, http: 499 },
  bug: { exit: 125, http: 500 },
} as const satisfies Record<string, { exit: number; http: number }>;

export type FailureCode = keyof typeof failureTable;

/** The wire and `--json` form of a failure. */
export interface FailureBody {
  readonly code: FailureCode;
  readonly message: string;
  readonly why?: string;
  readonly hint?: string;
}

/**
 * Trouble that comes from the world or the user. `message` says what with the value, `why` gives one line of
 * cause, `hint` the exact command to try.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly why: string | undefined;
  readonly hint: string | undefined;

  constructor(
    code: FailureCode,
    message: string,
    options: { why?: string | undefined; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.why = options.why;
    this.hint = options.hint;
  }

  /** Exit code of the CLI for this failure. */
  get exitCode(): number {
    return failureTable[this.code].exit;
  }

  /** HTTP status of the API for this failure. */
  get httpStatus(): number {
    return failureTable[this.code].http;
  }

  /** What and why in one sentence, for places that have one line. */
  get sentence(): string {
    return this.why === undefined ? this.message : `${this.message}: ${this.why}`;
  }

  toBody(): FailureBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.why === undefined ? {} : { why: this.why }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    };
  }

  /** Rebuilds a failure from its wire form; an unknown code (of a newer daemon) becomes `bug`. */
  static fromBody(body: FailureBody): Failure {
    const code = body.code in failureTable ? body.code : "bug";
    return new Failure(code, body.message, { why: body.why, hint: body.hint });
  }
}

/** Turns anything thrown into a Failure; what is not one already is a bug of ours. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (isForeignFailure(error)) return Failure.fromBody(error.toBody());
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("bug", `orch failed unexpectedly: ${message}`, {
    cause: error,
    hint: "orch bug-report  (writes what a report of this needs, without secrets)",
  });
}

/** A failure of the daemon's bundle, which has a class of this name of its own. */
function isForeignFailure(error: unknown): error is Failure {
  return error instanceof Error && error.name === "Failure" && "toBody" in error;
}

/** The errno name of a Node system error ("ENOENT"), or undefined; a Failure's code is not one. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Failure) return undefined;
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
