import type { ApiKey, ApiLimit, ApiScope } from "../std/api-key.ts";
import { type Database, translate } from "./database.ts";

/** When a key was used last, and how many jobs it might submit then. */
export interface KeyUse {
  readonly id: string;
  readonly usedAtMs: number;
  /** Null = it has no quota. */
  readonly quotaLeft: number | null;
}

/** A key with its last use, which is noted now and then. */
export interface ApiKeyRow extends ApiKey {
  readonly usedAtMs: number | null;
  readonly quotaLeft: number | null;
}

/** API keys of an open database. Each change is a transaction of its own: not to be made while another is open. */
export interface ApiKeys {
  find(id: string): ApiKeyRow | undefined;
  /** The oldest first. */
  list(): ApiKeyRow[];
  /** @throws Failure store/full and others */
  insert(key: ApiKey): void;
  /** False when there is none. */
  remove(id: string): boolean;
  noteUses(uses: readonly KeyUse[]): void;
}

interface RawKey {
  readonly id: string;
  readonly name: string;
  readonly digest: Buffer;
  readonly uid: number;
  readonly user: string;
  readonly scopes: string;
  readonly runtimes: string | null;
  readonly rate: string | null;
  readonly quota: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly usedAtMs: number | null;
  readonly quotaLeft: number | null;
}

const COLUMNS = `id, name, digest, uid, user, scopes, runtimes, rate, quota, created_at AS createdAtMs,
  expires_at AS expiresAtMs, used_at AS usedAtMs, quota_left AS quotaLeft FROM api_keys`;

const KNOWN_MOST = 1_000;

/** @param reader the same database, for reading what is committed */
export function createApiKeys(db: Database, reader: Database): ApiKeys {
  const find = reader.prepare(`SELECT ${COLUMNS} WHERE id = ?`);
  const list = reader.prepare(`SELECT ${COLUMNS} ORDER BY created_at, id`);
  const insert = db.prepare(
    `INSERT INTO api_keys (id, name, digest, uid, user, scopes, runtimes, rate, quota, created_at, expires_at)
     VALUES (:id, :name, :digest, :uid, :user, :scopes, :runtimes, :rate, :quota, :createdAtMs, :expiresAtMs)`,
  );
  const remove = db.prepare("DELETE FROM api_keys WHERE id = ?");
  const noteUse = db.prepare(
    "UPDATE api_keys SET used_at = :usedAtMs, quota_left = :quotaLeft WHERE id = :id",
  );
  const noteUses = db.transaction((uses: readonly KeyUse[]) => {
    for (const use of uses) noteUse.run(use);
  });
  // What was read last, of few keys: it is asked for with each request. Whatever changes one forgets them all.
  const known = new Map<string, ApiKeyRow>();
  const changing = <T>(change: () => T): T => {
    known.clear();
    return translate(db.name, change);
  };
  return {
    find(id) {
      const found = known.get(id);
      if (found !== undefined) return found;
      const raw = find.get(id) as RawKey | undefined;
      if (raw === undefined) return undefined;
      if (known.size >= KNOWN_MOST) known.clear();
      const key = toKey(raw);
      known.set(id, key);
      return key;
    },
    list: () => (list.all() as RawKey[]).map(toKey),
    insert: (key) => changing(() => void insert.run(toRow(key))),
    remove: (id) => changing(() => remove.run(id).changes > 0),
    noteUses: (uses) => changing(() => noteUses(uses)),
  };
}

function toRow({ scopes, runtimes, rate, quota, digest, ...plain }: ApiKey) {
  return {
    ...plain,
    digest: Buffer.from(digest),
    scopes: JSON.stringify(scopes),
    runtimes: jsonOrNull(runtimes),
    rate: jsonOrNull(rate),
    quota: jsonOrNull(quota),
  };
}

function toKey({ scopes, runtimes, rate, quota, ...plain }: RawKey): ApiKeyRow {
  const orNull = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));
  return {
    ...plain,
    scopes: JSON.parse(scopes) as ApiScope[],
    runtimes: orNull<string[]>(runtimes),
    rate: orNull<ApiLimit>(rate),
    quota: orNull<ApiLimit>(quota),
  };
}

function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
