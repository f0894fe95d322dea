import { lookup, Resolver } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { type DeadlineSignal, startDeadline } from "../deadline-signal.ts";
import { errnoOf, Failure } from "../failure.ts";
import { type AllowedPlace, isAllowedAddress, isAllowedName, whyNotPublic } from "./address-rules.ts";
import { parseSafeUrl, type SafeUrl } from "./safe-url.ts";

export interface SafeAsk {
  /** As somebody else gave it. */
  readonly url: string;
  /** For messages, e.g. `param "image"`. */
  readonly what: string;
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** For all of it, from the resolver to the last byte. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SafeAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** @throws Failure file/unreadable: too large, too slow, broken off */
  readonly body: AsyncIterable<Buffer>;
  /** What is left of the body is not wanted. */
  drop(): void;
}

/** Asks another host for something, as far as it may. @throws Failure param/invalid: refused; file/unreadable: it failed */
export type SafeFetch = (ask: SafeAsk) => Promise<SafeAnswer>;

export interface SafeFetchOptions {
  readonly allow: readonly AllowedPlace[];
  /** Addresses of a name; for tests. */
  readonly resolve?: (name: string, isAllowed: boolean) => Promise<readonly string[]>;
}

const PUBLIC_PORTS: readonly number[] = [80, 443];
/** Of one name. An answer of a name server has room for thousands, and looking at each of them takes time. */
const MOST_ADDRESSES = 64;

/**
 * Makes what goes to addresses that others named. A name is resolved once, each address it has is vetted, and the connection is
 * made to these addresses alone: a name that means another host a moment later changes nothing. Redirects are answers like
 * others, nothing is unpacked, and no proxy of the environment is used.
 */
export function createSafeFetch({ allow, resolve = resolveName }: SafeFetchOptions): SafeFetch {
  return async (ask) => {
    const url = parseSafeUrl(ask.url, ask.what);
    const deadline = startDeadline(ask.timeoutMs, ask.signal);
    const isAllowed = isAllowedName(allow, url.host, url.port);
    try {
      const { signal } = deadline;
      const addresses = await vetted(url, ask, { allow, isAllowed, signal, resolve });
      return await exchange(url, addresses, ask, deadline);
    } catch (error) {
      deadline.end();
      throw failed(ask, url, error, deadline);
    }
  };
}

interface Vetting {
  readonly allow: readonly AllowedPlace[];
  readonly isAllowed: boolean;
  readonly signal: AbortSignal;
  readonly resolve: NonNullable<SafeFetchOptions["resolve"]>;
}

async function vetted(url: SafeUrl, ask: SafeAsk, vetting: Vetting): Promise<readonly string[]> {
  const { allow, isAllowed, signal, resolve } = vetting;
  const found = url.isAddress
    ? [url.host]
    : await namesAddresses(url, ask, () => resolve(url.host, isAllowed), signal);
  if (found.length > MOST_ADDRESSES)
    throw refused(ask, url, `its name has more than ${MOST_ADDRESSES} addresses`);
  if (found.some((address) => isIP(address) === 0)) throw refused(ask, url, "its name has no plain address");
  if (isAllowed) return found;
  for (const address of found) {
    if (isAllowedAddress(allow, address, url.port)) continue;
    const why = whyNotPublic(address);
    // Which address a name has within the network is not told.
    if (why !== null)
      throw refused(ask, url, url.isAddress ? why : "its name leads to an address that is not public");
    if (!PUBLIC_PORTS.includes(url.port)) throw refused(ask, url, `port ${url.port} is not 80 or 443`);
  }
  return found;
}

async function namesAddresses(
  url: SafeUrl,
  ask: SafeAsk,
  resolve: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let leave = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(new Error("its name was not resolved in time"));
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
  });
  try {
    const found = await Promise.race([resolve(), aborted]);
    if (found.length === 0) throw new Error("its name has no address");
    return found;
  } catch (error) {
    throw new Failure("file/unreadable", `${ask.what}: ${originOf(url)} cannot be reached`, {
      why: errnoOf(error) ?? (error instanceof Error ? error.message : String(error)),
    });
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/**
 * The addresses of a name. Names that the config allows may be of the host's own files; others are asked of the name server
 * without a thread that a slow one could hold.
 */
async function resolveName(name: string, isAllowed: boolean): Promise<readonly string[]> {
  if (isAllowed) return (await lookup(name, { all: true })).map(({ address }) => address);
  const resolver = new Resolver({ timeout: 3_000, tries: 2 });
  const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = asked.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  const [first] = asked;
  if (found.length === 0 && first.status === "rejected") throw first.reason;
  return found;
}

function exchange(
  url: SafeUrl,
  addresses: readonly string[],
  ask: SafeAsk,
  deadline: DeadlineSignal,
): Promise<SafeAnswer> {
  const known = addresses.map((address) => ({ address, family: isIP(address) }));
  const fixed: LookupFunction = (_name, options, done) => {
    const [first] = known;
    if (options.all === true) done(null, known);
    else done(null, first?.address ?? "", first?.family ?? 0);
  };
  const { request } = url.isTls ? https : http;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...{
          method: ask.method,
          host: url.host,
          port: url.port,
          path: url.path,
          lookup: fixed,
          signal: deadline.signal,
          agent: false,
          // Whatever the environment says of it.
          rejectUnauthorized: true,
        },
        ...(url.isTls && !url.isAddress ? { servername: url.host } : {}),
        headers: {
          "user-agent": "orch",
          "accept-encoding": "identity",
          ...ask.headers,
          ...(ask.body === undefined ? {} : { "content-length": ask.body.length }),
          host: url.hostHeader,
          connection: "close",
        },
      },
      (response) => {
        const { statusCode: status = 0, headers } = response;
        resolve({
          status,
          headers,
          body: capped(response, { url, ask, deadline }),
          drop: () => {
            deadline.end();
            asked.destroy();
          },
        });
      },
    );
    asked.on("error", reject);
    // Without these a server that changes the protocol would be waited for, for ever: nothing else is told of its end.
    asked.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("it changes the protocol"));
    });
    asked.on("close", () => reject(new Error("it ended without an answer")));
    asked.on("socket", (socket) => {
      socket.once("connect", () => {
        if (!addresses.includes(socket.remoteAddress ?? ""))
          asked.destroy(new Error("it is another address"));
      });
    });
    asked.end(ask.body);
  });
}

async function* capped(
  response: http.IncomingMessage,
  { url, ask, deadline }: { readonly url: SafeUrl; readonly ask: SafeAsk; readonly deadline: DeadlineSignal },
): AsyncGenerator<Buffer> {
  const tooLarge = (): Failure =>
    new Failure("file/unreadable", `${ask.what}: ${originOf(url)} sends too much`, {
      why: `it may be at most ${ask.maxBytes} bytes`,
    });
  try {
    if ((response.headers["content-encoding"] ?? "identity") !== "identity")
      throw new Failure("file/unreadable", `${ask.what}: ${originOf(url)} sends something packed`, {
        why: "nothing is unpacked here",
      });
    if (Number(response.headers["content-length"] ?? 0) > ask.maxBytes) throw tooLarge();
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ask.maxBytes) throw tooLarge();
      yield chunk;
    }
  } catch (error) {
    throw failed(ask, url, error, deadline);
  } finally {
    deadline.end();
    response.destroy();
  }
}

function originOf({ isTls, hostHeader }: SafeUrl): string {
  return `${isTls ? "https" : "http"}://${hostHeader}`;
}

function refused(ask: SafeAsk, url: SafeUrl, why: string): Failure {
  return new Failure("param/invalid", `${ask.what}: orch does not go to ${originOf(url)}`, {
    why,
    hint: "whoever runs orch can allow it: gateway.fetch.allow in config.yaml",
  });
}

function failed(ask: SafeAsk, url: SafeUrl, error: unknown, deadline: DeadlineSignal): Failure {
  if (error instanceof Failure) return error;
  const why = deadline.isLate() ? `it took longer than ${ask.timeoutMs / 1000} s` : undefined;
  return new Failure("file/unreadable", `${ask.what}: ${originOf(url)} cannot be reached`, {
    why: why ?? errnoOf(error) ?? (error instanceof Error ? error.message : String(error)),
    cause: error,
  });
}
