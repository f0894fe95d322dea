import { isIP } from "node:net";
import { Failure } from "./failure.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 = any that is free. */
  readonly port: number;
  /** Whether only this machine reaches it. */
  readonly isLoopback: boolean;
}

/**
 * Reads "127.0.0.1:7707", "localhost:7707" or "[::1]:7707". Other names are refused: what they mean is decided elsewhere,
 * and may change.
 * @throws Failure usage/invalid
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, named = "", digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const bare = named.startsWith("[") && named.endsWith("]") ? named.slice(1, -1) : named;
  const host = bare === "localhost" ? "127.0.0.1" : bare;
  const family = isIP(host);
  const isBracketed = bare !== named;
  const port = Number(digits);
  if (family === 0 || isBracketed !== (family === 6) || port > 65_535)
    throw new Failure("usage/invalid", `${JSON.stringify(text)} is no address to listen on`, {
      hint: "write it like 127.0.0.1:7707 or [::1]:7707",
    });
  return { host, port, isLoopback: family === 4 ? host.startsWith("127.") : host === "::1" };
}
