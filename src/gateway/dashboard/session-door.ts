import type { IncomingMessage } from "node:http";
import { type ApiScope, apiScopes } from "../../std/api-key.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Admitted, GatewayPort } from "../port.ts";
import { cookieIn, refuseForgedChange } from "./cookie.ts";
import { createSessions, LINK_MS, type LoginLink, type Session, type Sessions } from "./sessions.ts";

/** Lets in those who are logged in. */
export interface SessionDoor {
  readonly sessions: Sessions;
  /** Whoever has a cookie of ours; null = nobody has, or it brings along a key. @throws Failure permission/denied, key/refused */
  admit(request: IncomingMessage): Promise<Admitted | null>;
  /** Whether somebody may come in by a link or a session, though there were no key. */
  hasKeys(): boolean;
  /**
   * Makes a link that logs somebody in, once.
   * @param open opens the door, since somebody may come now, and gives the address at which links are followed; rejects where
   *   nobody can
   */
  makeLogin(asked: LoginAsked, open: () => Promise<string>): Promise<MadeLogin>;
  /** How the caller came in. */
  about(request: IncomingMessage): About;
}

/** Whom a link logs in. `isBound`: only a browser of that user's on this host; `keyId`: what comes of it ends with that key. */
export type LoginAsked = Omit<LoginLink, "endsAtMs">;

export interface MadeLogin {
  readonly url: string;
  readonly expiresAtMs: number;
}

interface About {
  readonly login: "link" | "key" | "none";
  /** Id of the key. */
  readonly key: string | null;
  readonly expiresAt: string | null;
}

/** What a cookie stands for at a door. */
export interface Manners {
  /** Whether a request brings along a key: then its cookie is not looked at. */
  readonly hasKey: (request: IncomingMessage) => boolean;
  /** @throws Failure permission/denied when a page of somebody else's may have made a browser send the request */
  readonly refuseForged: (request: IncomingMessage) => void;
  /** What a session of a user may at most. */
  readonly scopes: readonly ApiScope[];
}

/** At the dashboard: all that the user may, but commands: a browser is not to be as good as a shell. */
export const dashboardManners: Manners = {
  hasKey: ({ headers }) => headers.authorization !== undefined || headers["x-api-key"] !== undefined,
  refuseForged: refuseForgedChange,
  scopes: apiScopes.filter((scope) => scope !== "run"),
};

interface DoorParts {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  /** Whether a link alone opens the door: on the loopback. */
  readonly mayOpen: boolean;
  readonly manners: Manners;
}

/** Nobody is logged in yet. */
export function createSessionDoor({ port, doorkeeper, mayOpen, manners }: DoorParts): SessionDoor {
  const sessions = createSessions(port.clock, doorkeeper.isValid);
  const sessionOf = (request: IncomingMessage): Session | null => {
    const secret = manners.hasKey(request) ? null : cookieIn(request);
    return secret === null ? null : sessions.find(secret);
  };
  return {
    sessions,
    async admit(request) {
      const session = sessionOf(request);
      if (session === null) return null;
      manners.refuseForged(request);
      const admitted =
        session.keyId === null
          ? await admitUser(port, session, manners.scopes)
          : await doorkeeper.admitById(session.keyId, request);
      return { ...admitted, isValid: () => sessions.goesOn(session) };
    },
    hasKeys: () => mayOpen && sessions.hasAny(),
    async makeLogin(asked, open) {
      const secret = sessions.makeLink(asked);
      try {
        const url = `${await open()}?token=${secret}`;
        return { url, expiresAtMs: port.clock.nowMs() + LINK_MS };
      } catch (error) {
        sessions.takeLink(secret);
        throw error;
      }
    },
    about(request) {
      const session = sessionOf(request);
      if (session === null) return { login: "none", key: null, expiresAt: null };
      const endsAtMs = port.clock.nowMs() + session.endsAtMs - port.clock.monotonicMs();
      const login = session.keyId === null ? "link" : "key";
      return { login, key: session.keyId, expiresAt: new Date(endsAtMs).toISOString() };
    },
  };
}

async function admitUser(
  port: GatewayPort,
  { id, uid, user }: Session,
  most: readonly ApiScope[],
): Promise<Admitted> {
  const caller = await port.admit({ uid, user });
  const scopes = most.filter((scope) => scope !== "admin" || caller.isAdmin === true);
  const key = { id, runtimes: null, mayRun: false, isOwners: true, charge: () => {} };
  return { caller: { ...caller, key }, scopes, keyId: id };
}
