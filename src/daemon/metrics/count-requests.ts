import type { RequestMeter } from "../../gateway/port.ts";
import { boundedLabel } from "./label-values.ts";
import type { Meters } from "./meters.ts";

/** There are some hundred routes, and each is known by its pattern; this holds should one ever be named by its path. */
const MOST_ROUTES = 300;
const MOST_SURFACES = 30;

/** Counts the requests of the gateway, and gives how many are under way. */
export function createRequestMeter(meters: Meters): RequestMeter & { readonly inFlight: () => number } {
  const surfaceLabel = boundedLabel(MOST_SURFACES);
  const routeLabel = boundedLabel(MOST_ROUTES);
  let inFlight = 0;
  return {
    inFlight: () => inFlight,
    begin() {
      inFlight += 1;
    },
    end({ surface, route, status, tookMs, firstByteMs, receivedBytes, sentBytes }) {
      inFlight -= 1;
      const of = [surfaceLabel(surface), routeLabel(route)] as const;
      meters.requests.add(1, ...of, status === null ? "none" : `${Math.floor(status / 100)}xx`);
      meters.requestTime.observe(tookMs / 1_000, ...of);
      if (firstByteMs !== null) meters.firstByte.observe(firstByteMs / 1_000, ...of);
      meters.received.add(receivedBytes, of[0]);
      meters.sent.add(sentBytes, of[0]);
    },
  };
}
