import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { GatewayView } from "../protocol/api-keys.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { parseListenAddress } from "../std/listen-address.ts";
import { type CompatOptions, compatSurfaces, compatSystems } from "./compat/compat.ts";
import { createDoor, type Door } from "./door.ts";
import { createDoorkeeper, isExpired } from "./doorkeeper.ts";
import type { TlsFiles } from "./listener.ts";
import type { GatewayPort, Surface } from "./port.ts";
import { createResponder } from "./respond.ts";
import { mainSurfaces, mounted } from "./surfaces.ts";

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
  /** Older systems whose clients go on. */
  readonly compat: CompatOptions;
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
  const tls = options.tls === null ? null : readTls(options.tls);
  const doorkeeper = createDoorkeeper(port);
  const plans = doorPlans(options, port);
  const opened = plans.map((plan) => {
    refuseUnsafe(plan, options);
    const responder = createResponder({ port, doorkeeper, hosts: options.hosts, surfaces: plan.surfaces });
    const isOpen = plan.surfaces.some((surface) => surface.isOpen === true);
    const door = createDoor({
      listen: plan.listen,
      tls: plan.plaintext ? null : tls,
      handle: responder.handle,
      warning: isOpen ? `${plan.listen} is open: whoever is on this host may submit without a key` : null,
      whyNot: `the gateway does not listen${plan === plans[0] ? "" : ` on ${plan.listen}`}: there is no valid key; orch keys add --name NAME`,
      warn: (text) => port.log.warn({ listen: plan.listen }, text),
    });
    const hasKeys = (): boolean => isOpen || plan.surfaces.some((surface) => surface.hasKeys?.() === true);
    return { door, responder, hasKeys };
  });
  let isClosed = false;
  const hasKey = (): boolean => port.keys.list().some((key) => !isExpired(key, port.clock.nowMs()));
  const settleNow = async (): Promise<void> => {
    for (const { door, responder, hasKeys } of opened) {
      responder.cutOff();
      if (isClosed) await door.close();
      else await door.settle(hasKeys() || hasKey());
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
    status: () => viewOf(opened.map(({ door }) => door)),
    async close() {
      clearInterval(timer);
      isClosed = true;
      await settle();
      await flush();
    },
  };
}

/** What is said of the doors together: the first is the gateway's own. */
function viewOf(doors: readonly Door[]): GatewayView {
  const [main, ...others] = doors.map((door) => ({ listen: door.listen, ...door.status() }));
  if (main === undefined) return null;
  return { ...main, others };
}

interface DoorPlan {
  readonly listen: string;
  readonly plaintext: boolean;
  readonly surfaces: readonly Surface[];
}

/** The gateway's own door, and those of older systems; such as share an address share a door. */
function doorPlans(options: GatewayOptions, port: GatewayPort): DoorPlan[] {
  const isOpen = options.insecureLoopback;
  const main: Surface[] = mainSurfaces(port).map((surface) => ({ ...surface, isOpen }));
  const others = new Map<string, { plaintext: boolean; surfaces: Surface[] }>();
  for (const system of compatSystems) {
    const asked = options.compat[system];
    const make = compatSurfaces[system];
    if (asked === undefined || make === null) continue;
    const surface = { ...make(port, asked), isOpen: asked.open };
    if (asked.listen === null) {
      main.unshift(mounted(asked.prefix ?? `/${system}`, surface));
      continue;
    }
    const plan = others.get(asked.listen) ?? { plaintext: asked.plaintext, surfaces: [] };
    plan.surfaces.push(surface);
    others.set(asked.listen, plan);
  }
  const rest = [...others].map(([listen, plan]) => ({ listen, ...plan }));
  return [{ listen: options.listen, plaintext: false, surfaces: main }, ...rest];
}

/** The config is checked when it is read; this is where it would hurt. */
function refuseUnsafe({ listen: text, plaintext, surfaces }: DoorPlan, { tls }: GatewayOptions): void {
  if (parseListenAddress(text).isLoopback) return;
  const isOpen = surfaces.some((surface) => surface.isOpen === true);
  if ((tls !== null || plaintext) && !isOpen) return;
  throw new Failure("config/invalid", `gateway: ${text} is reached from elsewhere`, {
    why: "there it needs tls, and keys",
    hint: "listen on 127.0.0.1, or set tls: { cert: FILE, key: FILE } and let nobody in without a key",
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
