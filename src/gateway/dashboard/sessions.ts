import { createHash, randomBytes } from "node:crypto";
import type { Caller } from "../../protocol/operation.ts";
import type { Clock } from "../../std/clock.ts";

/** Whoever is logged in. */
export interface Session {
  /** As the audit log names it; says nothing of the cookie. */
  readonly id: string;
  readonly uid: number;
  readonly user: string;
  /** The API key by which it came about, and with which it ends; null = a link that the user made on the host. */
  readonly keyId: string | null;
  /** On the monotonic clock. */
  readonly endsAtMs: number;
  usedAtMs: number;
}

/** A link that logs somebody in, once. */
export interface LoginLink {
  readonly uid: number;
  readonly user: string;
  /** Only a program of the same user on this host may follow it. */
  readonly isBound: boolean;
  /** The API key with which it was made, and with which what comes of it ends; null = none. */
  readonly keyId: string | null;
  readonly endsAtMs: number;
}

/** Links and sessions. They live in memory: a restart of the daemon logs everybody out. What is kept of a secret is its digest. */
export interface Sessions {
  /** @returns the secret of a new link */
  makeLink(asked: Omit<LoginLink, "endsAtMs">): string;
  /** Null = there is none any more. */
  findLink(secret: string): LoginLink | null;
  /** Uses it up. False = somebody else was first. */
  takeLink(secret: string): boolean;
  /** @returns what the cookie is to hold */
  begin(who: Pick<Session, "uid" | "user" | "keyId">): string;
  /** The session of a cookie, which counts as used; null = there is none any more. */
  find(secret: string): Session | null;
  /** Whether it goes on. What is being answered keeps a session from being idle, so that counts as used, too. */
  goesOn(session: Session): boolean;
  end(secret: string): void;
  /** Whether anybody may still come in by a link or go on with a session. */
  hasAny(): boolean;
}

/** Time enough to copy a link to another machine. */
export const LINK_MS = 5 * 60_000;
export const SESSION_MS = 7 * 86_400_000;
const IDLE_MS = 12 * 3_600_000;
/** Of one user, links and sessions alike; the one that was used longest ago makes way. */
const MOST_PER_USER = 32;

/** @param isKeyValid whether an API key is accepted now */
export function createSessions(
  clock: Pick<Clock, "monotonicMs">,
  isKeyValid: (keyId: string) => boolean,
): Sessions {
  const links = new Map<string, LoginLink>();
  const sessions = new Map<string, Session>();
  const isAlive = ({ endsAtMs, usedAtMs, keyId }: Session): boolean => {
    const nowMs = clock.monotonicMs();
    return nowMs < endsAtMs && nowMs - usedAtMs < IDLE_MS && (keyId === null || isKeyValid(keyId));
  };
  const sweep = (): void => {
    for (const [digest, link] of links) if (clock.monotonicMs() >= link.endsAtMs) links.delete(digest);
    for (const [digest, session] of sessions) if (!isAlive(session)) sessions.delete(digest);
  };
  return {
    makeLink(asked) {
      sweep();
      const { secret, digest } = makeSecret();
      makeRoom(links, asked.uid, ({ endsAtMs }) => endsAtMs);
      links.set(digest, { ...asked, endsAtMs: clock.monotonicMs() + LINK_MS });
      return secret;
    },
    findLink(secret) {
      sweep();
      return links.get(digestOf(secret)) ?? null;
    },
    takeLink: (secret) => links.delete(digestOf(secret)),
    begin(who) {
      sweep();
      const { secret, digest } = makeSecret();
      makeRoom(sessions, who.uid, ({ usedAtMs }) => usedAtMs);
      const nowMs = clock.monotonicMs();
      const id = `${SESSION_ID}${randomBytes(4).toString("hex")}`;
      sessions.set(digest, { ...who, id, endsAtMs: nowMs + SESSION_MS, usedAtMs: nowMs });
      return secret;
    },
    find(secret) {
      const digest = digestOf(secret);
      const session = sessions.get(digest);
      if (session === undefined) return null;
      if (!isAlive(session)) {
        sessions.delete(digest);
        return null;
      }
      session.usedAtMs = clock.monotonicMs();
      return session;
    },
    goesOn(session) {
      const isKnown = [...sessions.values()].includes(session) && isAlive(session);
      if (isKnown) session.usedAtMs = clock.monotonicMs();
      return isKnown;
    },
    end: (secret) => void sessions.delete(digestOf(secret)),
    hasAny() {
      sweep();
      return links.size + sessions.size > 0;
    },
  };
}

/** How the ids of sessions begin: where a key's id is asked for, no session is taken for one. */
const SESSION_ID = "session-";

/** The id of the API key by which a caller came in; null = none: on the socket, or by a session that a user made on the host. */
export function keyBehind({ key }: Pick<Caller, "key">): string | null {
  return key === undefined || key.id.startsWith(SESSION_ID) ? null : key.id;
}

/** 256 random bits need neither salt nor stretching. */
function makeSecret(): { secret: string; digest: string } {
  const secret = randomBytes(32).toString("base64url");
  return { secret, digest: digestOf(secret) };
}

function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** Nobody may fill the memory with links: the oldest of the user's goes when there are many. */
function makeRoom<T extends { readonly uid: number }>(
  book: Map<string, T>,
  uid: number,
  ageOf: (entry: T) => number,
): void {
  const own = [...book].filter(([, entry]) => entry.uid === uid);
  if (own.length < MOST_PER_USER) return;
  const [oldest] = own.toSorted(([, a], [, b]) => ageOf(a) - ageOf(b));
  if (oldest !== undefined) book.delete(oldest[0]);
}
