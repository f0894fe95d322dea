import { anthropicSurface } from "./anthropic/surface.ts";
import { apiRoutes } from "./api-routes.ts";
import { dashboardSurface } from "./dashboard/dashboard.ts";
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

/** What the gateway serves at its own address, besides what older systems are mounted there. The first that owns a path has it. */
export function mainSurfaces(port: GatewayPort, doorkeeper: Doorkeeper, door: SessionDoor): Surface[] {
  const { admit } = door;
  return [
    metricsSurface(port),
    { name: "api", owns: (path) => path.startsWith("/api/v1/"), find: apiRoutes(port), admit },
    cogSurface(port),
    replicateSurface(port),
    dashboardSurface({ port, doorkeeper, door }),
  ];
}

/** Largest bodies of requests that workers answer. */
export interface BodyLimits {
  readonly maxBody: number;
  readonly maxUpload: number;
}

/** What is answered by workers while the caller waits, in the shapes of others' APIs. */
export function workerSurfaces(port: GatewayPort, { maxBody, maxUpload }: BodyLimits): Surface[] {
  const kit: Kit = {
    port,
    connections: createConnections(),
    bodies: createBodies(maxBody),
    maxUploadBytes: maxUpload,
  };
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
