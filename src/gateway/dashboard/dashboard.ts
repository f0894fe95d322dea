import { join } from "node:path";
import { Failure } from "../../std/failure.ts";
import { packageRoot } from "../../std/package-root.ts";
import { packageVersion } from "../../std/package-version.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Exchange, GatewayPort, GatewayRoute, OpenRoute, Surface } from "../port.ts";
import { followLink, logInByKey, logOut } from "./log-in.ts";
import { type PageFiles, readPageFiles } from "./page-files.ts";
import type { SessionDoor } from "./session-door.ts";
import { createStateStream } from "./state-stream.ts";

interface Parts {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  readonly door: SessionDoor;
}

/** Addresses within the page: it finds out itself what they are for. */
const WITHIN = /^\/dashboard(\/(?!assets\/)[\w/-]*)?$/;
const FILES = "/dashboard/";

/** The page in which browsers see and do what the command line does, and how one logs in there. */
export function dashboardSurface({ port, doorkeeper, door }: Parts): Surface {
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
      open("GET /dashboard/login", (exchange) => followLink(sessions, exchange)),
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
    isPage: (path) => path === "/" || (WITHIN.test(path) && !routes.has(`GET ${path}`)),
    admit: door.admit,
    hasKeys: door.hasKeys,
    find(method, path) {
      const route = routes.get(`${method} ${path}`);
      if (route !== undefined || method !== "GET") return route ?? null;
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
