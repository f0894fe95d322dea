import { apiRoutes } from "./api-routes.ts";
import type { GatewayPort, Surface } from "./port.ts";

/** What the gateway serves at its own address, besides what older systems are mounted there. The first that owns a path has it. */
export function mainSurfaces(port: GatewayPort): Surface[] {
  return [{ name: "api", owns: (path) => path.startsWith("/api/v1/"), find: apiRoutes(port) }];
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
