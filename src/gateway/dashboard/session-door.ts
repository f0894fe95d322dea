import type { IncomingMessage } from "node:http";
import { apiScopes } from "../../std/api-key.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Admitted, GatewayPort } from "../port.ts";
import { cookieIn, refuseForgedChange } from "./cookie.ts";
import { createSessions, LINK_MS, type Session, type Sessions } from "./sessions.ts";

/** Lets in those who are logged in. */
export interface SessionDoor {
  readonly sessions: Sessions;
  /** Whoever has a cookie of ours; null = nobody has, or it brings along a key. @throws Failure permission/denied, key/refused */
  admit(request: IncomingMessage): Promise<Admitted | null>;
  /** Whether somebody may come in by a link or a session, though there were no key. */
  hasKeys(): boolean;
  /**
   * Makes a link that logs somebody in, once.
   * @param open opens the gateway, since somebody may come now, and gives its address; rejects where nobody can
   */
  makeLogin(asked: LoginAsked, open: () => Promise<string>): Promise<MadeLogin>;
  /** How the caller came in. */
  about(request: IncomingMessage): About;
}

/** Whom a link logs in. `isBound`: only a browser of that user's on this host. */
export interface LoginAsked {
  readonly uid: number;
  readonly user: string;
  readonly isBound: boolean;
}

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

/**
 * Nobody is logged in yet.
 * @param mayOpen whether a link alone opens the gateway: on the loopback
 */
export function createSessionDoor(port: GatewayPort, doorkeeper: Doorkeeper, mayOpen: boolean): SessionDoor {
  const sessions = createSessions(port.clock, doorkeeper.isValid);
  const sessionOf = (request: IncomingMessage): Session | null => {
    const { authorization, "x-api-key": key } = request.headers;
    const secret = authorization === undefined && key === undefined ? cookieIn(request) : null;
    return secret === null ? null : sessions.find(secret);
  };
  return {
    sessions,
    async admit(request) {
      const session = sessionOf(request);
      if (session === null) return null;
      refuseForgedChange(request);
      const admitted =
        session.keyId === null
          ? await admitUser(port, session)
          : await doorkeeper.admitById(session.keyId, request);
      return { ...admitted, isValid: () => sessions.goesOn(session) };
    },
    hasKeys: () => mayOpen && sessions.hasAny(),
    async makeLogin(asked, open) {
      const secret = sessions.makeLink(asked);
      try {
        const url = `${await open()}/dashboard/login?token=${secret}`;
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

/** All that the user may, but commands: a browser is not to be as good as a shell. */
async function admitUser(port: GatewayPort, { id, uid, user }: Session): Promise<Admitted> {
  const caller = await port.admit({ uid, user });
  const scopes = apiScopes.filter(
    (scope) => scope !== "run" && (scope !== "admin" || caller.isAdmin === true),
  );
  const key = { id, runtimes: null, mayRun: false, charge: () => {} };
  return { caller: { ...caller, key }, scopes, keyId: id };
}
