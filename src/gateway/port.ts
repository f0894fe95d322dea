import type { IncomingMessage, ServerResponse } from "node:http";
import type { Api, StreamApi } from "../operations/api.ts";
import type { Feed, InputFiles } from "../operations/context.ts";
import type { TaskBook } from "../operations/task-book.ts";
import type { Caller } from "../protocol/operation.ts";
import type { ApiKey, ApiScope } from "../std/api-key.ts";
import type { Clock } from "../std/clock.ts";
import type { Access } from "./access.ts";
import type { ClientJobBook } from "./compat/jobs/client-job-book.ts";
import type { RoutedBook } from "./compat/router/routed-book.ts";
import type { RequestDesk, Standing } from "./request-port.ts";

/** A key as the gateway finds it. */
export interface StoredKey extends ApiKey {
  readonly usedAtMs: number | null;
  readonly quotaLeft: number | null;
}

export interface KeyUse {
  readonly id: string;
  readonly usedAtMs: number;
  readonly quotaLeft: number | null;
}

/** Who was let in, and how far. */
export interface Admitted {
  readonly caller: Caller;
  readonly scopes: readonly ApiScope[];
  readonly keyId: string;
  /** Whether what is being answered may go on; left out = as long as the key is valid. */
  readonly isValid?: () => boolean;
}

/** A request of a caller who has been let in. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly caller: Caller;
  /** What the caller's key is for. */
  readonly scopes: readonly ApiScope[];
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** What serves a request. It answers itself, at once or by a stream; what it throws before that becomes the answer. */
export interface Served {
  /** As the audit log names it: "POST /jobs/:job/cancel". */
  readonly route: string;
  serve(exchange: Exchange): Promise<void>;
}

/** A part of what the gateway serves: null = another part may have it. @throws Failure request/unknown-route and others */
export type FindRoute = (method: string, path: string) => GatewayRoute | OpenRoute | null;

export interface GatewayRoute extends Served {
  /** The scope that a key needs. */
  readonly access: Access;
}

/** A request of anybody. */
export type OpenExchange = Omit<Exchange, "caller" | "scopes">;

/** What is served to everybody who reaches the gateway: it must say nothing that is anybody's. */
export interface OpenRoute {
  readonly route: string;
  readonly access: "open";
  serve(exchange: OpenExchange): Promise<void>;
}

/**
 * Whoever wants something of the gateway in the shape of another program: paths of its own, and errors as its clients know
 * them. The first that owns a path has it.
 */
export interface Surface {
  readonly name: string;
  owns(path: string): boolean;
  readonly find: FindRoute;
  /** Answers with what went wrong, also before anybody was let in. As `sendProblem`, if left out. */
  readonly sendError?: (response: ServerResponse, error: unknown) => void;
  /** Lets in those whom the keys of orch do not know; null = this one neither. @throws Failure to refuse */
  readonly admit?: (request: IncomingMessage) => Promise<Admitted | null>;
  /** The id that goes with a request wherever it is spoken of, where its clients say it in their own way. One of CORRELATION_PATTERN. */
  readonly correlationOf?: (request: IncomingMessage) => string;
  /** Whether it is a page that holds nothing of anybody's: a link on any other page may lead there. */
  readonly isPage?: (path: string) => boolean;
  /** Whether pages of other origins may ask, too: its answers say so themselves. */
  readonly anyOrigin?: boolean;
  /** Whether `admit` may let somebody in: a door without keys stays shut. */
  readonly hasKeys?: () => boolean;
  /** All paths are a program's own, and nothing is answered in its place: not even whether the gateway is there. */
  readonly isWhole?: boolean;
  /** Requests without a key are let in as the daemon's own user, to read and submit. For loopback addresses alone. */
  readonly isOpen?: boolean;
}

/** A request that is over. */
export interface AnsweredRequest {
  readonly surface: string;
  readonly route: string;
  /** Null = it was broken off before it was answered. */
  readonly status: number | null;
  readonly tookMs: number;
  /** Until the head of the answer was written; null = it never was. */
  readonly firstByteMs: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Counts requests. */
export interface RequestMeter {
  begin(): void;
  end(answered: AnsweredRequest): void;
}

/** What the gateway gets of the daemon. */
export interface GatewayPort {
  readonly clock: Clock;
  /**
   * Calls an operation as the API would, checks of input and rights included; what a key may reach is for the route to say.
   * @throws Failure of many kinds
   */
  call<R extends keyof Api>(
    route: R,
    input: Api[R]["input"],
    caller: Caller,
    signal?: AbortSignal,
  ): Promise<Api[R]["output"]>;
  /** As `call`, for operations that answer with a stream; it ends when `signal` aborts. */
  stream<R extends keyof StreamApi>(
    route: R,
    input: StreamApi[R]["input"],
    caller: Caller,
    signal: AbortSignal,
  ): AsyncIterable<StreamApi[R]["line"]>;
  /** What changes, as it does. */
  readonly feed: Feed;
  /** Tasks of documents, with their results and files. */
  readonly tasks: TaskBook;
  /** Jobs of the job orchestrator's clients, counted. */
  readonly clientJobs: ClientJobBook;
  /** What the learned router sent where. */
  readonly routed: RoutedBook;
  /**
   * Reads the JSON object in a body, giving way to others.
   * @throws Failure request/malformed, request/too-large
   */
  readBody(request: IncomingMessage, maxBytes: number): Promise<Record<string, unknown>>;
  /** What callers gave as files. */
  readonly inputFiles: InputFiles;
  /** HMAC of a text by a secret of the daemon's own, base64: for addresses that need no key. */
  sign(text: string): string;
  /** Jobs whose callers wait on the line. */
  readonly requests: RequestDesk;
  /** How a stored job stands, as a request does; null when it does not wait any more. Cheap enough to be asked every few seconds. */
  standingOf(job: number): Standing | null;
  readonly meter: RequestMeter;
  readonly keys: {
    find(id: string): StoredKey | undefined;
    list(): readonly StoredKey[];
    noteUses(uses: readonly KeyUse[]): Promise<void>;
  };
  /** The user as whom requests without a key are served, where the config asks for that. */
  readonly owner: { readonly uid: number; readonly user: string };
  /** Whether the user is still served here, and may do everything. Rejects to refuse. */
  admit(user: { readonly uid: number; readonly user: string }): Promise<Caller>;
  /** The operation of the API that is asked for. @throws Failure request/unknown-route */
  find(method: string, path: string): Served & { readonly takesFile: boolean };
  /** Whether new work is taken. */
  isReady(): boolean;
  readonly log: {
    /** A line for each request, whatever the level of the log. */
    audit(fields: Readonly<Record<string, unknown>>): void;
    warn(fields: Readonly<Record<string, unknown>>, text: string): void;
    error(fields: Readonly<Record<string, unknown>>, text: string): void;
  };
}
