import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { GatewayView } from "../protocol/api-keys.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { type ListenAddress, parseListenAddress } from "../std/listen-address.ts";
import { apiRoutes } from "./api-routes.ts";
import { createDoorkeeper, isExpired } from "./doorkeeper.ts";
import { type Listener, listen, type TlsFiles } from "./listener.ts";
import type { GatewayPort } from "./port.ts";
import { createResponder } from "./respond.ts";

/** What config.yaml says of the gateway. */
export interface GatewayOptions {
  /** As `parseListenAddress` takes it. */
  readonly listen: string;
  /** Paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** On a loopback address, requests without a key are served as the daemon's own user. */
  readonly insecureLoopback: boolean;
  /** Names by which it is called, beside its own addresses. */
  readonly hosts: readonly string[];
}

/** The TCP listener beside the daemon's socket. */
export interface Gateway {
  /** Listens when there is a key that is valid, and stops when there is none any more. Never rejects. */
  settle(): Promise<void>;
  status(): GatewayView;
  close(): Promise<void>;
}

/** An address that was taken may be free by now, and the last key may have expired. */
const LOOK_MS = 5_000;
const FLUSH_EVERY = 12;

/**
 * Makes the gateway; `settle` opens it.
 * @throws Failure config/invalid, file/unreadable: it would not be safe, or not work
 */
export function createGateway(options: GatewayOptions, port: GatewayPort): Gateway {
  const address = parseListenAddress(options.listen);
  refuseUnsafe(options, address);
  const tls = options.tls === null ? null : readTls(options.tls);
  const doorkeeper = createDoorkeeper(port, options.insecureLoopback);
  const { hosts } = options;
  const responder = createResponder({ port, doorkeeper, hosts, routes: [apiRoutes(port)] });
  let listener: Listener | null = null;
  let detail: string | null = null;
  let isClosed = false;
  const say = (text: string | null): void => {
    if (text !== null && text !== detail) port.log.warn({ listen: options.listen }, text);
    detail = text;
  };
  const hasKey = (): boolean => port.keys.list().some((key) => !isExpired(key, port.clock.nowMs()));
  const settleNow = async (): Promise<void> => {
    responder.cutOff();
    const mayListen = !isClosed && (options.insecureLoopback || hasKey());
    if (!mayListen) {
      await listener?.close();
      listener = null;
      if (!isClosed) say("the gateway does not listen: there is no valid key; orch keys add --name NAME");
      return;
    }
    if (listener !== null) return;
    try {
      listener = await listen(address, tls, responder.handle);
      say(
        options.insecureLoopback
          ? "insecureLoopback: whoever is on this host may submit without a key"
          : null,
      );
    } catch (error) {
      say(`the gateway cannot listen on ${options.listen}: ${errnoOf(error) ?? String(error)}`);
    }
  };
  let last = Promise.resolve();
  const settle = (): Promise<void> => {
    last = last.then(settleNow).catch((error: unknown) => {
      port.log.error({ err: error }, "the gateway could not be opened or closed");
    });
    return last;
  };
  const flush = (): Promise<void> =>
    doorkeeper
      .flush()
      .catch((error: unknown) => port.log.warn({ err: error }, "uses of keys could not be noted"));
  let looks = 0;
  const timer = setInterval(() => {
    void settle();
    looks += 1;
    if (looks % FLUSH_EVERY === 0) void flush();
  }, LOOK_MS);
  timer.unref();
  return {
    settle,
    status: () => ({ listen: options.listen, url: listener?.url ?? null, detail }),
    async close() {
      clearInterval(timer);
      isClosed = true;
      await settle();
      await flush();
    },
  };
}

/** The config is checked when it is read; this is where it would hurt. */
function refuseUnsafe(
  { tls, insecureLoopback, listen: text }: GatewayOptions,
  { isLoopback }: ListenAddress,
): void {
  if (isLoopback || (tls !== null && !insecureLoopback)) return;
  throw new Failure("config/invalid", `gateway: ${text} is reached from elsewhere`, {
    why: "there it needs tls, and keys",
    hint: "listen on 127.0.0.1, or set tls: { cert: FILE, key: FILE } and leave insecureLoopback out",
  });
}

function readTls(files: { readonly cert: string; readonly key: string }): TlsFiles {
  const pair = { cert: readFile(files.cert), key: readFile(files.key) };
  try {
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw new Failure(
      "config/invalid",
      `gateway: ${files.cert} and ${files.key} are no certificate and its key`,
      {
        why: error instanceof Error ? error.message : String(error),
        hint: `openssl x509 -in ${files.cert} -noout -text`,
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
