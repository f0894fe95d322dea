import type { IncomingMessage } from "node:http";
import type { Caller } from "../protocol/operation.ts";
import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";
import type { MadeLogin, SessionDoor } from "./dashboard/session-door.ts";
import { keyBehind } from "./dashboard/sessions.ts";
import type { Door } from "./door.ts";
import { LOGIN_PATH } from "./ui/surface.ts";

/** Where somebody can log in. */
export interface LoginPlace {
  readonly door: Pick<Door, "listen" | "status">;
  readonly sessions: Pick<SessionDoor, "makeLogin">;
}

interface Parts {
  readonly dashboard: LoginPlace;
  readonly pages: readonly (LoginPlace & { readonly name: string })[];
  /** Opens the doors that may be open now. */
  readonly settle: () => Promise<void>;
  /** Names by which the gateway is called. */
  readonly hosts: readonly string[];
}

/** Whom a link is to log in. */
export interface LinkAsked {
  readonly caller: Pick<Caller, "uid" | "user" | "key">;
  /** Only a browser of that user's on this host may follow it. */
  readonly isBound: boolean;
  /** The worker's own page that it is for; null = the dashboard. */
  readonly ui: string | null;
}

/** Makes a link that logs somebody in, once. @throws Failure gateway/off: nobody could follow it, or there is no such door */
export type MakeLogin = (asked: LinkAsked) => Promise<MadeLogin>;

/** Makes links to the dashboard and to workers' own pages. */
export function createLoginLinks({ dashboard, pages, settle, hosts }: Parts): MakeLogin {
  return async ({ caller, isBound, ui }) => {
    const { door, sessions } = ui === null ? dashboard : findPage(pages, ui);
    const { uid, user } = caller;
    return sessions.makeLogin({ uid, user, isBound, keyId: keyBehind(caller) }, async () => {
      await settle();
      const { url, detail } = door.status();
      if (url !== null) return `${callableUrl(url, hosts)}${ui === null ? "/dashboard/login" : LOGIN_PATH}`;
      throw new Failure("gateway/off", `the gateway does not listen on ${door.listen}`, {
        why: detail ?? "it is being closed",
        hint: "orch keys ls says what it waits for",
      });
    });
  };
}

function findPage<T extends { readonly name: string }>(pages: readonly T[], ui: string): T {
  const found = pages.find(({ name }) => name === ui);
  if (found !== undefined) return found;
  const names = pages.map(({ name }) => name);
  const near = suggest(ui, names);
  throw new Failure("gateway/off", `there is no door to the page of ${JSON.stringify(ui.slice(0, 200))}`, {
    why: near === undefined ? "the config has none for it" : `did you mean ${near}?`,
    hint: doorLine(ui),
  });
}

/** What is to be written into the config. */
function doorLine(ui: string): string {
  const name = /^[\w.-]{1,63}$/.test(ui) ? ui : "RUNTIME";
  return `write  uis: { ${name}: 127.0.0.1:8188 }  below gateway in config.yaml, then orch down and orch up`;
}

/** Where it is called: an address that stands for all of the host's is nobody's name. */
export function callableUrl(url: string, hosts: readonly string[]): string {
  const { protocol, hostname, port } = new URL(url);
  const isAny = hostname === "0.0.0.0" || hostname === "[::]";
  const local = hostname === "[::]" ? "[::1]" : "127.0.0.1";
  return isAny ? `${protocol}//${hosts[0] ?? local}:${port}` : url;
}

/** The same address by the name by which this request called us: that of the cookies that its browser has. */
export function atHostOf({ headers }: IncomingMessage, url: string): string {
  const at = new URL(url);
  at.hostname = new URL(`http://${headers.host ?? at.host}`).hostname;
  return at.href;
}
