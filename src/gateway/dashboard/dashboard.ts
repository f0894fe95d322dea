import { join } from "node:path";
import { Failure } from "../../std/failure.ts";
import { packageRoot } from "../../std/package-root.ts";
import { packageVersion } from "../../std/package-version.ts";
import { surfaceAccess } from "../access.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Exchange, GatewayPort, GatewayRoute, OpenRoute, Surface } from "../port.ts";
import { followLink, logInByKey, logOut } from "./log-in.ts";
import { type PageFiles, readPageFiles } from "./page-files.ts";
import type { SessionDoor } from "./session-door.ts";
import { createStateStream } from "./state-stream.ts";

/** Makes links to workers' own pages for who is in the dashboard. @throws Failure gateway/off */
export type UiLinks = (ui: string, exchange: Pick<Exchange, "request" | "caller">) => Promise<string>;

interface Parts {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  readonly door: SessionDoor;
  readonly uiLinks: UiLinks;
}

/** Leads on to a worker's own page, with a link that is used at once. */
const UI = "/dashboard/ui/";
/** Addresses within the page: it finds out itself what they are for. */
const WITHIN = /^\/dashboard(\/(?!assets\/)[\w/-]*)?$/;
const FILES = "/dashboard/";
const GOAL = { path: "/dashboard", command: "orch dashboard" };

/** The page in which browsers see and do what the command line does, and how one logs in there. */
export function dashboardSurface({ port, doorkeeper, door, uiLinks }: Parts): Surface {
  const files = readPageFiles(join(packageRoot(), "dist", "web"));
  const states = createStateStream(port);
  const open = (route: string, serve: OpenRoute["serve"]): OpenRoute => ({ route, access: "open", serve });
  const read = (route: string, serve: GatewayRoute["serve"]): GatewayRoute => ({
    route,
    access: "read",
    serve,
  });
  const { sessions } = door;
  const routes = new Map<string, OpenRoute | GatewayRoute>(
    [
      open("GET /", async ({ response }) => void response.writeHead(307, { location: "/dashboard" }).end()),
      open("GET /dashboard/login", (exchange) => followLink(sessions, GOAL, exchange)),
      open("POST /dashboard/login", (exchange) => logInByKey(sessions, doorkeeper, exchange)),
      open("POST /dashboard/logout", (exchange) => logOut(sessions, exchange)),
      read("GET /dashboard/me", (exchange) => sayWho(door, exchange)),
      read("GET /dashboard/events", (exchange) => states.show(exchange)),
    ].map((route) => [route.route, route]),
  );
  const page = open("GET /dashboard", ({ request, response }) => {
    const index = files.get("index.html");
    if (index === undefined) throw notBuilt();
    return index.send(request, response);
  });
  return {
    name: "dashboard",
    owns: (path) => path === "/" || path === "/dashboard" || path.startsWith(FILES),
    isPage: (path) =>
      path === "/" || (WITHIN.test(path) && !path.startsWith(UI) && !routes.has(`GET ${path}`)),
    admit: door.admit,
    hasKeys: door.hasKeys,
    find(method, path) {
      const route = routes.get(`${method} ${path}`);
      if (route !== undefined || method !== "GET") return route ?? null;
      if (path.startsWith(UI)) return uiRoute(uiLinks);
      return fileRoute(files, path) ?? (WITHIN.test(path) ? page : null);
    },
  };
}

function fileRoute(files: PageFiles, path: string): OpenRoute | null {
  const file = path.startsWith(`${FILES}assets/`) ? files.get(path.slice(FILES.length)) : undefined;
  if (file === undefined) return null;
  return {
    route: "GET /dashboard/assets",
    access: "open",
    serve: ({ request, response }) => file.send(request, response),
  };
}

function uiRoute(uiLinks: UiLinks): GatewayRoute {
  return {
    route: "GET /dashboard/ui/:ui",
    access: surfaceAccess.upstream,
    async serve({ request, response, caller, path }) {
      const location = await uiLinks(nameIn(path), { request, caller });
      response.writeHead(303, { location }).end();
    },
  };
}

/** @throws Failure request/malformed */
function nameIn(path: string): string {
  try {
    return decodeURIComponent(path.slice(UI.length));
  } catch {
    throw new Failure("request/malformed", "the path is not encoded right", { hint: `${UI}RUNTIME` });
  }
}

/** Tells the page who looks at it, and what that one may do. */
async function sayWho(door: SessionDoor, { request, response, caller, scopes }: Exchange): Promise<void> {
  const body = JSON.stringify({
    user: caller.user,
    isAdmin: caller.isAdmin === true,
    scopes,
    ...door.about(request),
    version: packageVersion(),
  });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function notBuilt(): Failure {
  return new Failure("file/missing", "the page of the dashboard is not there", {
    why: "it was not built with this copy of orch",
    hint: "npm run build, then orch down and orch up",
  });
}
