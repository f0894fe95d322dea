import http from "node:http";
import type { OrchHome } from "../kit/orch-home.ts";
import { type Answer, type Asking, ask } from "./door.ts";

/** Asks as a page of the gateway's own does. */
export interface Browser {
  readonly cookie: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown, more?: Partial<Asking>): Promise<Answer>;
}

/** Follows a link of `orch dashboard --print`. */
export async function follow(link: string): Promise<Answer> {
  const { pathname, search, origin } = new URL(link);
  return ask(origin, { path: `${pathname}${search}` });
}

/** What a browser would send back of an answer's cookie. */
export function cookieOf({ headers }: Pick<Answer, "headers">): string {
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

/** A browser that has the cookie of a session. */
export function browserWith(url: string, cookie: string): Browser {
  const { origin } = new URL(url);
  return {
    cookie,
    get: (path) => ask(url, { path, headers: { cookie, "sec-fetch-site": "same-origin" } }),
    post: (path, body, more = {}) =>
      ask(url, {
        method: "POST",
        path,
        body,
        ...more,
        headers: { cookie, origin, "sec-fetch-site": "same-origin", ...more.headers },
      }),
  };
}

/** One that is logged in by a link. */
export async function openBrowser(home: OrchHome): Promise<Browser & { readonly url: string }> {
  const { url: link } = await home.client.call("POST /logins", {});
  const url = new URL(link).origin;
  return { url, ...browserWith(url, cookieOf(await follow(link))) };
}

/** One event of a stream. */
export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A reader of server-sent events, as EventSource is one. */
export interface EventReader {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly events: SeenEvent[];
  readonly ended: Promise<void>;
  pause(): void;
  close(): void;
}

/** Begins to read a stream of events. */
export function readEvents(
  url: string,
  path: string,
  headers: http.OutgoingHttpHeaders,
): Promise<EventReader> {
  return new Promise((resolve, reject) => {
    const asked = http.get(new URL(path, url), {
      headers: { accept: "text/event-stream", ...headers },
      agent: false,
    });
    asked.once("error", reject);
    asked.once("response", (response) => {
      const events: SeenEvent[] = [];
      let rest = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        const blocks = `${rest}${text}`.split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          const event = parseEvent(block);
          if (event !== null) events.push(event);
        }
      });
      const ended = new Promise<void>((done) => response.once("close", done));
      response.on("error", () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        ...{ events, ended },
        pause: () => void response.pause(),
        close: () => void response.destroy(),
      });
    });
  });
}

function parseEvent(block: string): SeenEvent | null {
  const lines = block.split("\n").map((line) => line.split(/: ?(.*)/s));
  const of = (name: string): string | undefined => lines.find(([key]) => key === name)?.[1];
  const data = of("data");
  if (data === undefined) return null;
  return { id: of("id") ?? "", type: of("event") ?? "message", data: JSON.parse(data) as SeenEvent["data"] };
}
