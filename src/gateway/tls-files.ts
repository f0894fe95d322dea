import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { errnoOf, Failure } from "../std/failure.ts";

/** Certificate and key, as PEM. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The files of a certificate, which is renewed now and then under the daemon's eyes. */
export interface TlsFiles {
  /** As it was read last. */
  readonly pair: TlsPair;
  /**
   * Reads the files again if they changed; null = they did not.
   * @throws Failure config/invalid, file/unreadable: what is there now is of no use (yet), and the last pair still holds
   */
  renewed(): TlsPair | null;
}

interface Places {
  readonly cert: string;
  readonly key: string;
}

/** @throws Failure config/invalid, file/unreadable */
export function openTlsFiles(places: Places): TlsFiles {
  let seen = stampOf(places);
  let pair = readPair(places);
  return {
    get pair() {
      return pair;
    },
    renewed() {
      const now = stampOf(places);
      if (now === seen) return null;
      seen = now;
      pair = readPair(places);
      return pair;
    },
  };
}

/** Changes with the files, a link that leads to others included. */
function stampOf({ cert, key }: Places): string {
  const stats = [cert, key].map((path) => statSync(path, { throwIfNoEntry: false }));
  return stats.map((each) => `${each?.ino}:${each?.size}:${each?.mtimeMs}`).join(" ");
}

function readPair(places: Places): TlsPair {
  const pair = { cert: readFile(places.cert), key: readFile(places.key) };
  try {
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw new Failure(
      "config/invalid",
      `gateway: ${places.cert} and ${places.key} are no certificate and its key`,
      {
        why: error instanceof Error ? error.message : String(error),
        hint: `openssl x509 -in ${places.cert} -noout -text`,
      },
    );
  }
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Failure("file/unreadable", `gateway: ${path} cannot be read`, {
      why: errnoOf(error) ?? String(error),
      hint: `ls -l ${path}`,
    });
  }
}
