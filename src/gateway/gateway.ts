import type { GatewayView } from "../protocol/api-keys.ts";
import type { UiDoorView } from "../protocol/ui-view.ts";
import { must } from "../std/assert.ts";
import { Failure, toFailure } from "../std/failure.ts";
import { parseListenAddress } from "../std/listen-address.ts";
import { type CompatOptions, compatSurface, compatSystems } from "./compat/compat.ts";
import type { UiLinks } from "./dashboard/dashboard.ts";
import { createSessionDoor, dashboardManners } from "./dashboard/session-door.ts";
import { createDoor, type Door } from "./door.ts";
import { createDoorkeeper, type Doorkeeper, isExpired } from "./doorkeeper.ts";
import { atHostOf, callableUrl, createLoginLinks, type MakeLogin } from "./login-links.ts";
import type { GatewayPort, Surface } from "./port.ts";
import { createResponder } from "./respond.ts";
import { type BodyLimits, createKit, mainSurfaces, mounted, workerSurfaces } from "./surfaces.ts";
import { openTlsFiles, type TlsFiles } from "./tls-files.ts";
import type { SignInAt } from "./ui/pages.ts";
import { uiDoors } from "./ui/ui-doors.ts";

/** What config.yaml says of the gateway. */
export interface GatewayOptions extends BodyLimits {
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
  /** Addresses of workers' own pages, by runtime or alias. */
  readonly uis: Readonly<Record<string, string>>;
}

/** The TCP listener beside the daemon's socket. */
export interface Gateway {
  /** Listens when there is a key that is valid, and stops when there is none any more. Never rejects. */
  settle(): Promise<void>;
  status(): GatewayView;
  readonly makeLogin: MakeLogin;
  /** The doors to workers' own pages, by name. */
  uis(): readonly UiDoorView[];
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
  const tls = options.tls === null ? null : openTlsFiles(options.tls);
  const doorkeeper = createDoorkeeper(port);
  const sessions = createSessionDoor({
    ...{ port, doorkeeper },
    mayOpen: parseListenAddress(options.listen).isLoopback,
    manners: dashboardManners,
  });
  const kit = createKit(port, options);
  const uiLinks: UiLinks = async (ui, { request, caller }) => {
    const { url } = await makeLogin({ caller, isBound: false, ui });
    return atHostOf(request, url);
  };
  const main = [...mainSurfaces({ port, doorkeeper, door: sessions, uiLinks }), ...workerSurfaces(kit)];
  const signInAt: SignInAt = (request) => {
    const url = opened[0]?.door.status().url ?? null;
    return url === null ? null : atHostOf(request, `${url}/dashboard`);
  };
  const about = { port, doorkeeper, options, tls };
  const systems = doorPlans(options, port, main).map((plan, at) => openDoor(plan, about, at === 0));
  const pages = uiDoors({ uis: options.uis, kit, doorkeeper, signInAt }).map((ui) => ({
    ...ui,
    ...openDoor({ listen: ui.listen, plaintext: false, surfaces: [ui.surface] }, about),
  }));
  const opened = [...systems, ...pages];
  let isClosed = false;
  const hasKey = (): boolean => port.keys.list().some((key) => !isExpired(key, port.clock.nowMs()));
  const settleNow = async (): Promise<void> => {
    renewCertificate(tls, { doors: opened.map(({ door }) => door), log: port.log });
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
  const makeLogin = createLoginLinks({
    dashboard: { door: must(systems[0], "the gateway has a door").door, sessions },
    ...{ pages, settle, hosts: options.hosts },
  });
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
    status: () => viewOf(systems.map(({ door }) => door)),
    makeLogin,
    uis: () => pages.map((page) => viewUi(page, options.hosts)),
    async close() {
      clearInterval(timer);
      isClosed = true;
      await settle();
      await flush();
    },
  };
}

interface DoorAbout {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  readonly options: GatewayOptions;
  readonly tls: TlsFiles | null;
}

/** @param isMain whether it is the gateway's own, of which no more needs to be said. @throws Failure config/invalid */
function openDoor(plan: DoorPlan, { port, doorkeeper, options, tls }: DoorAbout, isMain = false) {
  refuseUnsafe(plan, options);
  const { listen, surfaces } = plan;
  const responder = createResponder({ port, doorkeeper, hosts: options.hosts, surfaces });
  const isOpen = surfaces.some((surface) => surface.isOpen === true);
  const door = createDoor({
    listen,
    tls: plan.plaintext ? null : (tls?.pair ?? null),
    handle: responder.handle,
    warning: isOpen ? `${listen} is open: whoever is on this host may submit without a key` : null,
    whyNot: `the gateway does not listen${isMain ? "" : ` on ${listen}`}: there is no valid key; orch keys add --name NAME`,
    warn: (text) => port.log.warn({ listen }, text),
  });
  const hasKeys = (): boolean => isOpen || surfaces.some((surface) => surface.hasKeys?.() === true);
  return { door, responder, hasKeys };
}

/** Looks whether the files of the certificate have changed. */
function renewCertificate(
  tls: TlsFiles | null,
  { doors, log }: { readonly doors: readonly Door[]; readonly log: GatewayPort["log"] },
): void {
  try {
    const pair = tls?.renewed() ?? null;
    if (pair === null) return;
    for (const door of doors) door.renew(pair);
    log.warn({}, "the certificate of the gateway has changed; new connections get it");
  } catch (error) {
    // The one file may have been written and the other not yet.
    log.warn({ why: toFailure(error).sentence }, "the gateway goes on with its last certificate");
  }
}

/** What is said of the doors together: the first is the gateway's own. */
function viewOf(doors: readonly Door[]): GatewayView {
  const [main, ...others] = doors.map((door) => ({ listen: door.listen, ...door.status() }));
  if (main === undefined) return null;
  return { ...main, others };
}

function viewUi({ name, door }: { readonly name: string; readonly door: Door }, hosts: readonly string[]) {
  const { url, detail } = door.status();
  return { name, listen: door.listen, url: url === null ? null : callableUrl(url, hosts), detail };
}

interface DoorPlan {
  readonly listen: string;
  readonly plaintext: boolean;
  readonly surfaces: readonly Surface[];
}

/** The gateway's own door, and those of older systems; such as share an address share a door. */
function doorPlans(options: GatewayOptions, port: GatewayPort, own: readonly Surface[]): DoorPlan[] {
  const isOpen = options.insecureLoopback;
  const main: Surface[] = own.map((surface) => ({ ...surface, isOpen }));
  const others = new Map<string, { plaintext: boolean; surfaces: Surface[] }>();
  for (const system of compatSystems) {
    const asked = options.compat[system];
    const made = compatSurface(system, port, asked);
    if (asked === undefined || made === null) continue;
    const surface = { ...made, isOpen: asked.open };
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
