import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { errnoOf, Failure } from "../../../std/failure.ts";
import type { Admitted, GatewayPort } from "../../port.ts";
import { createFileWatch } from "../file-watch.ts";
import { admitAsOwner } from "../open-admit.ts";
import type { MlocOptions } from "./options.ts";

/** Lets in who has the token, or everybody where the door is open. */
export interface TokenGate {
  admit(request: IncomingMessage): Promise<Admitted | null>;
  hasKeys(): boolean;
}

/** Of orch's own administration nothing is reached: what an admin may is to pin a worker. */
const SCOPES = ["read", "submit", "admin"] as const;

/**
 * The token is read again when its file changes; a file that cannot be read lets nobody in.
 * @throws Failure config/invalid, file/unreadable
 */
export function createTokenGate(port: GatewayPort, { tokenFile, open }: MlocOptions): TokenGate {
  if (open && tokenFile !== null)
    throw new Failure("config/invalid", "gateway: compat: mloc: open and tokenFile are both set", {
      why: "who needs no token would make it useless",
      hint: "leave one of them out",
    });
  const watch = createFileWatch(port.clock);
  let token: Buffer | null = null;
  if (tokenFile !== null) token = digest(readToken(tokenFile));
  const current = (): Buffer | null => {
    if (tokenFile === null || !watch.hasChanged([tokenFile])) return token;
    try {
      token = digest(readToken(tokenFile));
    } catch (error) {
      token = null;
      port.log.warn({ err: error }, "the token of the task system cannot be read: nobody is let in by it");
    }
    return token;
  };
  return {
    hasKeys: () => current() !== null,
    async admit(request) {
      const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
      const wanted = current();
      if (given !== undefined && wanted !== null && timingSafeEqual(digest(given), wanted))
        return admitAsOwner(port, SCOPES, false);
      const isBare =
        request.headers.authorization === undefined && request.headers["x-api-key"] === undefined;
      return isBare && open ? admitAsOwner(port, SCOPES, false) : null;
    },
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new Failure("file/unreadable", `gateway: compat: mloc: ${file} cannot be read`, {
      why: errnoOf(error) ?? String(error),
      hint: `ls -l ${file}`,
    });
  }
  if (/^\S{8,}$/.test(text)) return text;
  throw new Failure("config/invalid", `gateway: compat: mloc: ${file} holds no token`, {
    why: "a token has eight characters or more, without spaces",
    hint: `head -c 24 /dev/urandom | base64 > ${file}`,
  });
}
