import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * What a key may be used for. `submit`: jobs of runtimes, and changes of its user's own jobs. `run`: commands, which is as good
 * as a shell. `admin`: everything but commands.
 */
export const apiScopes = ["read", "submit", "run", "admin"] as const;
export type ApiScope = (typeof apiScopes)[number];

/** So many in so much time. */
export interface ApiLimit {
  readonly count: number;
  readonly perMs: number;
}

/** A key as it is stored: what it is cannot be told from this. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the whole text: 256 random bits need neither salt nor stretching. */
  readonly digest: Uint8Array;
  /** Whose jobs it submits and sees. */
  readonly uid: number;
  readonly user: string;
  readonly scopes: readonly ApiScope[];
  /** Null = all. */
  readonly runtimes: readonly string[] | null;
  /** Of requests; null = any number. */
  readonly rate: ApiLimit | null;
  /** Of jobs that it submits; null = any number. */
  readonly quota: ApiLimit | null;
  readonly createdAtMs: number;
  /** Null = never. */
  readonly expiresAtMs: number | null;
}

const SHAPE = /^orch_([0-9a-f]{10})_[A-Za-z0-9_-]{43}$/;

/** A new key: its text, which is kept nowhere, and what is stored of it. */
export function makeApiKey(): { id: string; text: string; digest: Uint8Array } {
  const id = randomBytes(5).toString("hex");
  const text = `orch_${id}_${randomBytes(32).toString("base64url")}`;
  return { id, text, digest: digestOf(text) };
}

/** The id in the text of a key; null when it is no key by its shape. */
export function idOfApiKey(text: string): string | null {
  return SHAPE.exec(text)?.[1] ?? null;
}

const NO_KEY = Buffer.alloc(32);

/**
 * Whether the text is that of the key. It takes as long for a key that there is not (null) as for one that there is, and
 * however much of the text is right.
 */
export function isApiKey(text: string, key: Pick<ApiKey, "digest"> | null): boolean {
  const isSame = timingSafeEqual(digestOf(text), key?.digest ?? NO_KEY);
  return key !== null && isSame;
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
