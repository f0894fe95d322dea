import { isIP } from "node:net";
import { Failure } from "../failure.ts";

const LONGEST_URL = 2_048;

/** An address on the web as the one parser reads it that everything here goes by. */
export interface SafeUrl {
  readonly href: string;
  readonly isTls: boolean;
  /** A name in small letters without the dot at its end, or an IP address without brackets. */
  readonly host: string;
  readonly isAddress: boolean;
  readonly port: number;
  /** As the Host header has it. */
  readonly hostHeader: string;
  /** Path and query. */
  readonly path: string;
}

/**
 * Reads an address that somebody else named, by the WHATWG parser: so 0x7f.1, 2130706433 and fullwidth digits are what they
 * would be for every other program. What parsers are known to disagree on is refused.
 * @param what is asked for it, e.g. `param "image"`
 * @throws Failure param/invalid; the address is not said again beyond its origin, since its query may be secret
 */
export function parseSafeUrl(text: string, what: string): SafeUrl {
  const refuse = (why: string): Failure =>
    new Failure("param/invalid", `${what}: this is not an address that orch goes to`, {
      why,
      hint: "give one like https://example.com/path",
    });
  if (text.length > LONGEST_URL) throw refuse(`it is longer than ${LONGEST_URL} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\\\u0000-\u0020\u007f]/.test(text))
    throw refuse("it holds a backslash, a blank or a control character");
  if (!URL.canParse(text)) throw refuse("it is no URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse("only http and https are spoken");
  if (url.username !== "" || url.password !== "" || text.split(/[/?#]/, 3)[2]?.includes("@") === true)
    throw refuse("a user name or password in it would be kept and shown");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const isAddress = isIP(host) !== 0;
  if (!isAddress && !/^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/.test(host))
    throw refuse("its host is no name");
  const isTls = url.protocol === "https:";
  return {
    ...{ href: url.href.replace(/#.*$/, ""), isTls, host, isAddress, hostHeader: url.host },
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
  };
}
