import type { IncomingMessage } from "node:http";
import type { KeyGrant } from "../protocol/operation.ts";
import { idOfApiKey, isApiKey } from "../std/api-key.ts";
import { Failure } from "../std/failure.ts";
import type { Admitted, GatewayPort, KeyUse, StoredKey } from "./port.ts";
import { TokenBucket } from "./token-bucket.ts";
import { TooMany } from "./too-many.ts";

/** Tells who asks by their key, and counts what each key does. */
export interface Doorkeeper {
  /**
   * @param isOpen whether a request without a key is let in as the daemon's own user, to read and submit
   * @throws Failure key/refused; TooMany
   */
  admit(request: IncomingMessage, isOpen: boolean): Promise<Admitted>;
  /** As `admit`, by a key that was given otherwise than in a header. @throws Failure key/refused; TooMany */
  admitText(given: string, request: IncomingMessage): Promise<Admitted>;
  /** Whoever has shown this key before. @throws Failure key/refused; TooMany */
  admitById(keyId: string, request: IncomingMessage): Promise<Admitted>;
  /** Whether what was let in by the key may go on. */
  isValid(keyId: string): boolean;
  /** Notes on disk which keys were used, and forgets what has no effect any more. */
  flush(): Promise<void>;
}

/** Wrong keys from one address: so many at once, then one in two seconds. */
const WRONG_KEYS = { count: 30, perMs: 60_000 };

/** More addresses than that are not told apart for long. */
const MOST_ADDRESSES = 10_000;
/** Stands for the key of those who need none. */
const NOBODY = "none";

interface Use {
  readonly rate: TokenBucket | null;
  readonly quota: TokenBucket | null;
  usedAtMs: number;
  isNoted: boolean;
}

/** Nobody was seen yet. */
export function createDoorkeeper(port: GatewayPort): Doorkeeper {
  const { clock, keys } = port;
  const uses = new Map<string, Use>();
  const wrong = new Map<string, TokenBucket>();
  const useOf = (key: StoredKey): Use => {
    const known = uses.get(key.id);
    if (known !== undefined) return known;
    const fresh = newUse(key, clock.nowMs());
    uses.set(key.id, fresh);
    return fresh;
  };
  const refuse = (request: IncomingMessage, why: string): Failure => {
    const address = request.socket.remoteAddress ?? "";
    const nowMs = clock.nowMs();
    const bucket = wrong.get(address) ?? new TokenBucket(WRONG_KEYS, nowMs);
    if (wrong.size >= MOST_ADDRESSES) wrong.clear();
    wrong.set(address, bucket);
    const waitMs = bucket.take(1, nowMs);
    if (waitMs > 0)
      return new TooMany("request/too-many", "too many requests without a valid key come from here", waitMs);
    return new Failure("key/refused", "the gateway wants a valid API key", {
      why,
      hint: "send it as: authorization: Bearer orch_…; orch keys add makes one",
    });
  };
  const admitFound = async (key: StoredKey | null, request: IncomingMessage): Promise<Admitted> => {
    if (key === null) throw refuse(request, "there is no such key");
    if (isExpired(key, clock.nowMs())) throw refuse(request, `key ${key.id} has expired`);
    return admitKey(port, key, useOf(key));
  };
  const admitText: Doorkeeper["admitText"] = async (given, request) => {
    const id = idOfApiKey(given);
    const key = (id === null ? undefined : keys.find(id)) ?? null;
    return admitFound(isApiKey(given, key) ? key : null, request);
  };
  return {
    async admit(request, isOpen) {
      const given = keyIn(request);
      if (given !== null) return admitText(given, request);
      if (!isOpen) throw refuse(request, "none was given");
      return admitNobody(port);
    },
    admitText,
    admitById: async (keyId, request) => admitFound(keys.find(keyId) ?? null, request),
    isValid(keyId) {
      if (keyId === NOBODY) return true;
      const key = keys.find(keyId);
      return key !== undefined && !isExpired(key, clock.nowMs());
    },
    async flush() {
      const nowMs = clock.nowMs();
      for (const [address, bucket] of wrong) if (bucket.isFull(nowMs)) wrong.delete(address);
      const fresh: KeyUse[] = [];
      for (const [id, use] of uses) {
        if (keys.find(id) === undefined) uses.delete(id);
        else if (!use.isNoted)
          fresh.push({ id, usedAtMs: use.usedAtMs, quotaLeft: use.quota?.levelAt(use.usedAtMs) ?? null });
        use.isNoted = true;
      }
      if (fresh.length > 0) await keys.noteUses(fresh);
    },
  };
}

/** Whether the key is refused by now. */
export function isExpired({ expiresAtMs }: Pick<StoredKey, "expiresAtMs">, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** What the headers call a key; null = none is given. */
function keyIn({ headers }: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
  const given = bearer ?? headers.authorization ?? headers["x-api-key"];
  return given === undefined ? null : String(given);
}

function newUse({ rate, quota, usedAtMs, quotaLeft }: StoredKey, nowMs: number): Use {
  return {
    rate: rate === null ? null : new TokenBucket(rate, nowMs),
    quota: quota === null ? null : new TokenBucket(quota, usedAtMs ?? nowMs, quotaLeft ?? quota.count),
    usedAtMs: usedAtMs ?? nowMs,
    isNoted: true,
  };
}

async function admitKey(port: GatewayPort, key: StoredKey, use: Use): Promise<Admitted> {
  const { clock } = port;
  const note = (): void => {
    use.usedAtMs = clock.nowMs();
    use.isNoted = false;
  };
  note();
  const waitMs = use.rate?.take(1, clock.nowMs()) ?? 0;
  if (waitMs > 0) throw new TooMany("request/too-many", `key ${key.id} asks too often`, waitMs, key.id);
  const user = await port.admit(key);
  const grant: KeyGrant = {
    id: key.id,
    runtimes: key.runtimes,
    mayRun: key.scopes.includes("run"),
    charge(jobs) {
      note();
      const untilMs = use.quota?.take(jobs, clock.nowMs()) ?? 0;
      if (untilMs > 0)
        throw new TooMany("quota/refused", `key ${key.id} has used up its quota of jobs`, untilMs);
    },
  };
  // A key gives nobody more than its user has.
  const isAdmin = user.isAdmin === true && key.scopes.includes("admin");
  return { caller: { ...user, isAdmin, key: grant }, scopes: key.scopes, keyId: key.id };
}

async function admitNobody(port: GatewayPort): Promise<Admitted> {
  const user = await port.admit(port.owner);
  const grant: KeyGrant = { id: NOBODY, runtimes: null, mayRun: false, charge: () => {} };
  return { caller: { ...user, isAdmin: false, key: grant }, scopes: ["read", "submit"], keyId: NOBODY };
}
