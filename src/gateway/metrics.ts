import type { Exchange, GatewayPort, Surface } from "./port.ts";

/** Serves what Prometheus scrapes, to keys that may read. */
export function metricsSurface(port: Pick<GatewayPort, "call">): Surface {
  return {
    name: "metrics",
    owns: (path) => path === "/metrics",
    find: (method) =>
      method !== "GET"
        ? null
        : { route: "GET /metrics", access: "read", serve: (exchange) => serveMetrics(port, exchange) },
  };
}

async function serveMetrics(
  { call }: Pick<GatewayPort, "call">,
  { request, response, caller, signal }: Exchange,
): Promise<void> {
  const format = prefersOpenMetrics(request.headers.accept ?? "") ? "openmetrics" : "prometheus";
  const { contentType, text } = await call("GET /metrics", { format }, caller, signal);
  const body = Buffer.from(text);
  response.writeHead(200, { "content-type": contentType, "content-length": body.length });
  response.end(body);
}

/** Whether OpenMetrics is asked for, and not less than plain text (the weights of RFC 9110, 12.4.2). */
export function prefersOpenMetrics(accept: string): boolean {
  let open = 0;
  let plain = 0;
  for (const part of accept.split(",")) {
    const [type = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    const weight = Number(parameters.find((each) => each.startsWith("q="))?.slice(2) ?? 1);
    if (type === "application/openmetrics-text") open = Math.max(open, weight);
    if (type === "text/plain") plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain;
}
