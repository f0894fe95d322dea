import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import { followLink } from "../dashboard/log-in.ts";
import type { SessionDoor } from "../dashboard/session-door.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Kit } from "../forward/kit.ts";
import { guardHeaders } from "../guard-headers.ts";
import type { Exchange, Surface } from "../port.ts";
import { passThrough, refuseWithoutServer } from "../upstream/pass-through.ts";
import { admitVisitor, LeadHere } from "./admit-visitor.ts";
import { appAnswerHeaders, appHeaders } from "./app-headers.ts";
import { isNavigation, type SignInAt, sendAsking, sendStarting, sendUiError } from "./pages.ts";
import { createVisits, type Visits } from "./visits.ts";

/** The one folder of a page's address that is not the worker's. */
const OWN = "/.orch/";
/** Where the links of `orch ui` lead. */
export const LOGIN_PATH = `${OWN}login`;

/** A person who has waited for so long is told what for. */
const PATIENCE_MS = 1_000;

/** What a door for a worker's own page is made of. */
export interface UiParts {
  /** The runtime, or an alias, as the config has it. */
  readonly name: string;
  readonly kit: Kit;
  readonly doorkeeper: Doorkeeper;
  readonly sessions: SessionDoor;
  readonly signInAt: SignInAt;
}

/**
 * A worker's own server at an origin of its own: scripts may run there, since nothing of orch is within their reach.
 */
export function uiSurface({ name, kit, doorkeeper, sessions, signInAt }: UiParts): Surface {
  const visits = createVisits(kit.port.requests, `page of ${name}`);
  const shared: Kit = { ...kit, port: { ...kit.port, requests: visits } };
  const goal = { path: "/", command: `orch ui ${name}` };
  return {
    name: "ui",
    owns: () => true,
    isWhole: true,
    // Who is led here from elsewhere is asked first: see admit-visitor.ts.
    isPage: () => true,
    hasKeys: sessions.hasKeys,
    admit: (request) => admitVisitor(request, { name, sessions, doorkeeper }),
    sendError: (response, error) =>
      error instanceof LeadHere ? sendAsking(response, name) : sendUiError(response, error, name, signInAt),
    find(method, path) {
      if (method === "GET" && path === LOGIN_PATH)
        return {
          route: `GET ${LOGIN_PATH}`,
          access: "open",
          serve: (exchange) => {
            refuseLedHere(exchange.request.headers["sec-fetch-site"]);
            return followLink(sessions.sessions, goal, exchange);
          },
        };
      if (!path.startsWith("/") || path.startsWith(OWN)) return null;
      return {
        route: `${method} /ui/${name}/*`,
        access: surfaceAccess.upstream,
        serve: (exchange) => serveUi({ name, kit: shared, visits }, exchange),
      };
    },
  };
}

/** Nobody is to be logged in as somebody else by a page that they look at. @throws Failure permission/denied */
function refuseLedHere(site: string | string[] | undefined): void {
  if (site !== "cross-site") return;
  throw new Failure("permission/denied", "another site's page may not log you in", {
    hint: "copy the link into the address bar",
  });
}

interface Served {
  readonly name: string;
  readonly kit: Kit;
  readonly visits: Visits;
}

async function serveUi({ name, kit, visits }: Served, exchange: Exchange): Promise<void> {
  const { request, response, caller, signal } = exchange;
  const served = visits.model(name, caller);
  refuseWithoutServer(served);
  if (isNavigation(request)) {
    const { runtime, params } = served;
    const standing = await visits.standingAfter(
      { runtime, params, caller, signal, summary: "" },
      PATIENCE_MS,
    );
    if (standing !== null) return sendStarting(response, name, standing, kit.port.clock.nowMs());
  }
  await passThrough({
    kit,
    exchange,
    served,
    path: request.url ?? "/",
    headers: appHeaders(request),
    headersOf(given) {
      // What guards answers of ours would break a page that is another's.
      for (const header of Object.keys(guardHeaders))
        if (header !== "cross-origin-resource-policy") response.removeHeader(header);
      return appAnswerHeaders(given);
    },
  });
}
