import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "../protocol/operation.ts";
import type { ApiKey } from "../std/api-key.ts";
import type { Clock } from "../std/clock.ts";
import type { Access } from "./access.ts";

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

/** A request of a caller who has been let in. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly caller: Caller;
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
export type FindRoute = (method: string, path: string) => GatewayRoute | null;

export interface GatewayRoute extends Served {
  /** The scope that a key needs. */
  readonly access: Access;
}

/** What the gateway gets of the daemon. */
export interface GatewayPort {
  readonly clock: Clock;
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
  find(method: string, path: string): Served;
  /** Whether new work is taken. */
  isReady(): boolean;
  readonly log: {
    /** A line for each request, whatever the level of the log. */
    audit(fields: Readonly<Record<string, unknown>>): void;
    warn(fields: Readonly<Record<string, unknown>>, text: string): void;
    error(fields: Readonly<Record<string, unknown>>, text: string): void;
  };
}
