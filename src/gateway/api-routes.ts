import { accessTo } from "./access.ts";
import { refuseOtherBody } from "./check-origin.ts";
import type { Exchange, FindRoute, GatewayPort } from "./port.ts";

/** The operations of the socket, as far as they are served here. */
export function apiRoutes({ find }: Pick<GatewayPort, "find">): FindRoute {
  return (method, path) => {
    if (!path.startsWith("/api/v1/")) return null;
    const { route, serve } = find(method, path);
    return {
      route,
      access: accessTo(route),
      async serve(exchange: Exchange) {
        refuseOtherBody(exchange.request);
        await serve(exchange);
      },
    };
  };
}
