import { accessTo, refuseManaging } from "./access.ts";
import { refuseOtherBody } from "./check-origin.ts";
import { eventText, lastEventId, openEventStream } from "./event-stream.ts";
import type { Exchange, FindRoute, GatewayPort, GatewayRoute } from "./port.ts";

/** The operations of the socket, as far as they are served here. */
export function apiRoutes(port: Pick<GatewayPort, "find" | "stream">): FindRoute {
  const { find } = port;
  return (method, path) => {
    if (!path.startsWith("/api/v1/")) return null;
    const { route, takesFile, serve } = find(method, path);
    if (route === "GET /events") return eventsRoute(port, serve);
    const access = accessTo(route);
    return {
      route,
      access,
      async serve(exchange: Exchange) {
        refuseManaging(access, route, exchange.caller.key);
        if (!takesFile) refuseOtherBody(exchange.request);
        await serve(exchange);
      },
    };
  };
}

/** Events as lines, or as browsers read them (EventSource) where the caller asks for that: these go on from where they were. */
function eventsRoute({ stream }: Pick<GatewayPort, "stream">, serve: GatewayRoute["serve"]): GatewayRoute {
  return {
    route: "GET /events",
    access: accessTo("GET /events"),
    async serve(exchange) {
      const { request, response, query, caller, signal } = exchange;
      if (!/\btext\/event-stream\b/.test(request.headers.accept ?? "")) return serve(exchange);
      const seen = lastEventId(request.headers);
      const asked = {
        ...Object.fromEntries(new URLSearchParams(query)),
        follow: true,
        ...(seen === null ? {} : { after: seen }),
      };
      const lines = stream("GET /events", asked, caller, signal)[Symbol.asyncIterator]();
      // What is wrong with the request is told before the stream begins.
      let next = lines.next();
      await Promise.race([next, new Promise((resolve) => setImmediate(resolve))]);
      const events = openEventStream(response);
      for (let line = await next; line.done !== true; line = await next) {
        if (!events.send(eventText(String(line.value.seq), JSON.stringify(line.value))))
          await events.drained();
        next = lines.next();
      }
      events.end();
    },
  };
}
