import { anthropicSurface } from "./anthropic/surface.ts";
import { apiRoutes } from "./api-routes.ts";
import { dashboardSurface, type UiLinks } from "./dashboard/dashboard.ts";
import type { SessionDoor } from "./dashboard/session-door.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import { createBodies } from "./forward/bodies.ts";
import { createConnections } from "./forward/connections.ts";
import type { Kit } from "./forward/kit.ts";
import { metricsSurface } from "./metrics.ts";
import { ollamaSurface } from "./ollama/surface.ts";
import { openaiSurface } from "./openai/surface.ts";
import type { GatewayPort, Surface } from "./port.ts";
import { cogSurface } from "./predictions/cog.ts";
import { replicateSurface } from "./predictions/replicate.ts";
import { upstreamSurface } from "./upstream/surface.ts";

interface MainParts {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  readonly door: SessionDoor;
  readonly uiLinks: UiLinks;
}

/** What the gateway serves at its own address, besides what older systems are mounted there. The first that owns a path has it. */
export function mainSurfaces({ port, doorkeeper, door, uiLinks }: MainParts): Surface[] {
  const { admit } = door;
  return [
    metricsSurface(port),
    { name: "api", owns: (path) => path.startsWith("/api/v1/"), find: apiRoutes(port), admit },
    cogSurface(port),
    replicateSurface(port),
    dashboardSurface({ port, doorkeeper, door, uiLinks }),
  ];
}

/** Largest bodies of requests that workers answer. */
export interface BodyLimits {
  readonly maxBody: number;
  readonly maxUpload: number;
}

/** What it takes to send requests to workers. */
export function createKit(port: GatewayPort, { maxBody, maxUpload }: BodyLimits): Kit {
  return {
    port,
    connections: createConnections(),
    bodies: createBodies(maxBody),
    maxUploadBytes: maxUpload,
  };
}

/** What is answered by workers while the caller waits, in the shapes of others' APIs. */
export function workerSurfaces(kit: Kit): Surface[] {
  return [anthropicSurface(kit), openaiSurface(kit), ollamaSurface(kit), upstreamSurface(kit)];
}

/** The same surface below a prefix such as "/lb". */
export function mounted(prefix: string, surface: Surface): Surface {
  const inner = (path: string): string => path.slice(prefix.length) || "/";
  return {
    ...surface,
    owns: (path) => (path === prefix || path.startsWith(`${prefix}/`)) && surface.owns(inner(path)),
    find: (method, path) => surface.find(method, inner(path)),
  };
}
