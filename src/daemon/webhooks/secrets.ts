import { createHmac, randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { makePrivateDir } from "../../config/run-dir.ts";
import { errnoOf, Failure } from "../../std/failure.ts";

/** Secrets that the daemon makes for itself and its users: files that nobody else may read. */
export interface OwnSecrets {
  /** `whsec_` and base64, as Standard Webhooks has it. @throws Failure state/unwritable */
  of(name: string): string;
  /** HMAC-SHA256 of a text by a secret, base64. @throws Failure state/unwritable */
  sign(name: string, text: string): string;
}

const PREFIX = "whsec_";
const BYTES = 32;

/** @param dir need not be there */
export function createOwnSecrets(dir: string): OwnSecrets {
  const known = new Map<string, string>();
  const of = (name: string): string => {
    const secret = known.get(name) ?? readOrMake(dir, name);
    known.set(name, secret);
    return secret;
  };
  return {
    of,
    sign: (name, text) =>
      createHmac("sha256", Buffer.from(of(name).slice(PREFIX.length), "base64"))
        .update(text)
        .digest("base64"),
  };
}

function readOrMake(dir: string, name: string): string {
  const file = path.join(dir, name);
  try {
    if (!fs.existsSync(file)) make(dir, file);
    const secret = fs.readFileSync(file, "utf8").trim();
    if (secret.startsWith(PREFIX) && Buffer.from(secret.slice(PREFIX.length), "base64").length >= 16)
      return secret;
  } catch (error) {
    throw unusable(file, errnoOf(error) ?? String(error));
  }
  throw unusable(file, "it holds something else");
}

/** Whole, and on disk, before it has its name. */
function make(dir: string, file: string): void {
  makePrivateDir(dir);
  const part = `${file}.${randomUUID()}`;
  fs.writeFileSync(part, `${PREFIX}${randomBytes(BYTES).toString("base64")}\n`, {
    mode: 0o600,
    flag: "wx",
    flush: true,
  });
  fs.renameSync(part, file);
}

function unusable(file: string, why: string): Failure {
  return new Failure("state/unwritable", `the secret in ${file} cannot be used`, {
    why,
    hint: `ls -l ${file}`,
  });
}
