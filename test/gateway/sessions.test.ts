import { beforeEach, describe, expect, it } from "vitest";
import {
  createSessions,
  LINK_MS,
  SESSION_MS,
  type Session,
  type Sessions,
} from "../../src/gateway/dashboard/sessions.ts";

const HOUR_MS = 3_600_000;
const ann = { uid: 1000, user: "ann", keyId: null };

let nowMs: number;
let revoked: Set<string>;
let sessions: Sessions;
beforeEach(() => {
  nowMs = 5_000;
  revoked = new Set();
  sessions = createSessions({ monotonicMs: () => nowMs }, (id) => !revoked.has(id));
});
const begun = (who: Pick<Session, "uid" | "user" | "keyId"> = ann): { secret: string; session: Session } => {
  const secret = sessions.begin(who);
  const session = sessions.find(secret);
  if (session === null) throw new Error("a session that has just begun is not there");
  return { secret, session };
};

describe("a link", () => {
  it("is good once, and for five minutes", () => {
    const [one, two, three] = [1, 2, 3].map(() => sessions.makeLink({ ...ann, isBound: false }));
    expect(sessions.takeLink(String(one))).toBe(true);
    expect(sessions.takeLink(String(one))).toBe(false);
    nowMs += LINK_MS - 1;
    expect(sessions.findLink(String(two))).toMatchObject({ user: "ann" });
    nowMs += 1;
    expect(sessions.findLink(String(three))).toBeNull();
    expect(LINK_MS).toBe(5 * 60_000);
    expect(sessions.hasAny()).toBe(false);
  });
});

describe("a session", () => {
  it("ends after twelve hours without use, and after seven days with", () => {
    const { secret, session } = begun();
    nowMs += 12 * HOUR_MS - 1;
    expect(sessions.find(secret), "used in time").not.toBeNull();
    nowMs += 12 * HOUR_MS - 1;
    expect(sessions.goesOn(session), "what is being answered is use").toBe(true);
    nowMs += 12 * HOUR_MS;
    expect(sessions.goesOn(session)).toBe(false);
    expect(sessions.find(secret)).toBeNull();
    const long = begun();
    const endMs = nowMs + SESSION_MS;
    for (; nowMs < endMs; nowMs += HOUR_MS) expect(sessions.find(long.secret)).not.toBeNull();
    expect(sessions.find(long.secret)).toBeNull();
    expect(SESSION_MS).toBe(7 * 24 * HOUR_MS);
  });

  it("ends with the key by which it began", () => {
    const { secret, session } = begun({ ...ann, keyId: "k" });
    const other = begun({ ...ann, keyId: "other" });
    revoked.add("k");
    expect(sessions.goesOn(session)).toBe(false);
    expect(sessions.find(secret)).toBeNull();
    expect(sessions.find(other.secret)).not.toBeNull();
  });

  it("makes way where its user has 32, the one first that is unused for longest; others' stay", () => {
    const bob = begun({ uid: 1001, user: "bob", keyId: null });
    const all = Array.from({ length: 32 }, () => {
      nowMs += 1;
      return begun();
    });
    nowMs += 1;
    sessions.find(all[0]?.secret ?? "");
    nowMs += 1;
    begun();
    const gone = all.map(({ secret }) => sessions.find(secret) === null);
    expect(gone.flatMap((isGone, at) => (isGone ? [at] : []))).toEqual([1]);
    expect(sessions.find(bob.secret)).not.toBeNull();
  });
});
