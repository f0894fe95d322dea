import { timingSafeEqual } from "node:crypto";
import { Failure } from "../../std/failure.ts";

/** What an address without a key leads to: an artifact of a job by its number, or what comes of the job. */
export interface Link {
  readonly job: number;
  readonly to: number | "stream";
  readonly uid: number;
  readonly user: string;
  /** It is void without this key; null = of no key. */
  readonly keyId: string | null;
  readonly untilMs: number;
}

/** Long enough for whoever is told by a webhook and comes later. */
export const LINK_MS = 24 * 3_600_000;

/**
 * A text that proves what it says: clients of Replicate fetch outputs and streams without their key.
 * @param sign HMAC of a text by a secret of the daemon's, base64
 */
export function writeLink(
  { job, to, uid, user, keyId, untilMs }: Link,
  sign: (text: string) => string,
): string {
  const said = Buffer.from(JSON.stringify([job, to, uid, user, keyId, untilMs])).toString("base64url");
  return `${said}.${proofOf(said, sign)}`;
}

/** @throws Failure key/refused: not of this daemon's making, or too old */
export function readLink(text: string, nowMs: number, sign: (text: string) => string): Link {
  const [said = "", proof = ""] = text.split(".");
  const right = Buffer.from(proofOf(said, sign));
  const given = Buffer.from(proof);
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw refused("it is not of this daemon");
  const [job, to, uid, user, keyId, untilMs] = JSON.parse(Buffer.from(said, "base64url").toString()) as [
    ...[number, number | "stream", number, string, string | null, number],
  ];
  if (untilMs <= nowMs) throw refused("it was good for a day");
  return { job, to, uid, user, keyId, untilMs };
}

function proofOf(said: string, sign: (text: string) => string): string {
  return Buffer.from(sign(`link ${said}`), "base64").toString("base64url");
}

function refused(why: string): Failure {
  return new Failure("key/refused", "this address is not valid", {
    why,
    hint: "get the prediction again: it has new ones",
  });
}
