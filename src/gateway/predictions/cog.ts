import { packageVersion } from "../../std/package-version.ts";
import { lastEventId } from "../event-stream.ts";
import type { Exchange, FindRoute, GatewayPort, GatewayRoute, Surface } from "../port.ts";
import { createPrediction, readPrediction } from "./create.ts";
import { sendCogError } from "./errors.ts";
import { predictionEvents } from "./events.ts";
import { checkClientsId, findPrediction } from "./find-prediction.ts";
import { openapiOf } from "./openapi.ts";
import { predictionId } from "./prediction.ts";
import { presentPrediction, type Showing } from "./present.ts";
import { wishesOf } from "./request-wishes.ts";
import { sendJson } from "./send-json.ts";
import { streamEvents, tellAsCog } from "./stream.ts";
import { cancelIfGone, waitForEnd } from "./wait-for-end.ts";

const PREFIX = "/runtimes/";

/** Each runtime as the server of a Cog container: its base is /runtimes/NAME. */
export function cogSurface(port: GatewayPort): Surface {
  return {
    name: "cog",
    owns: (path) => path.startsWith(PREFIX),
    find: cogRoutes(port),
    sendError: sendCogError,
  };
}

function cogRoutes(port: GatewayPort): FindRoute {
  return (method, path) => {
    const [, , name = "", ...rest] = path.split("/").map(decode);
    const [what = "", id = "", verb = ""] = rest;
    if (name === "" || rest.length > 3) return null;
    const place: Place = { port, name, prefix: `${PREFIX}${encodeURIComponent(name)}` };
    const shape = `${method} /${[what, id && ":id", verb].filter((part) => part !== "").join("/")}`;
    const found = routes[shape];
    if (found === undefined) return null;
    const route = shape.replace("/", "/runtimes/:runtime/").replace(/\/$/, "");
    return { route, access: found.access, serve: (exchange) => found.serve(exchange, place, id) };
  };
}

interface Place {
  readonly port: GatewayPort;
  /** Of the runtime. */
  readonly name: string;
  readonly prefix: string;
}

interface CogRoute extends Pick<GatewayRoute, "access"> {
  serve(exchange: Exchange, place: Place, id: string): Promise<void>;
}

const routes: Readonly<Record<string, CogRoute>> = {
  "GET /": { access: "read", serve: discover },
  "GET /health-check": { access: "read", serve: checkHealth },
  "GET /openapi.json": { access: "read", serve: describe },
  "POST /predictions": { access: "submit", serve: (exchange, place) => predict(exchange, place, null) },
  "PUT /predictions/:id": { access: "submit", serve: predict },
  "GET /predictions/:id": { access: "read", serve: look },
  "POST /predictions/:id/cancel": { access: "submit", serve: cancel },
};

async function discover(
  { response, caller, signal }: Exchange,
  { port, name, prefix }: Place,
): Promise<void> {
  await port.call("GET /runtimes/:runtime", { runtime: name }, caller, signal);
  sendJson(response, 200, {
    orch_version: packageVersion(),
    openapi_url: `${prefix}/openapi.json`,
    healthcheck_url: `${prefix}/health-check`,
    predictions_url: `${prefix}/predictions`,
    predictions_idempotent_url: `${prefix}/predictions/{prediction_id}`,
    predictions_cancel_url: `${prefix}/predictions/{prediction_id}/cancel`,
  });
}

/** Whether predictions are taken: they wait for a worker, so it is not asked whether there is one. */
async function checkHealth({ response, caller, signal }: Exchange, { port, name }: Place): Promise<void> {
  const { problem } = await port.call("GET /runtimes/:runtime", { runtime: name }, caller, signal);
  const workers = await port.call("GET /workers", {}, caller, signal);
  const own = workers.workers.filter(({ runtime }) => runtime === name);
  sendJson(response, 200, {
    status: problem === null ? "READY" : "SETUP_FAILED",
    setup: { status: problem === null ? "succeeded" : "failed", logs: problem ?? "" },
    version: { orch: packageVersion() },
    orch: { workers: own.length, ready: own.filter(({ state }) => state === "ready").length },
  });
}

async function describe({ response, caller, signal }: Exchange, { port, name }: Place): Promise<void> {
  sendJson(
    response,
    200,
    openapiOf(await port.call("GET /runtimes/:runtime", { runtime: name }, caller, signal)),
  );
}

async function predict(exchange: Exchange, { port, name, prefix }: Place, id: string | null): Promise<void> {
  const { request, response } = exchange;
  const wishes = wishesOf(request.headers, true);
  const given = id === null ? null : checkClientsId(id);
  const body = await readPrediction(port, exchange);
  const asked = given === null ? body : { ...body, id: given };
  const job = await createPrediction(port, { exchange, runtime: name, asked, wishes, prefix });
  const showing: Showing = { ...exchange, prefix, isInline: true };
  if (wishes.isStream) {
    const events = predictionEvents(port, job.id, lastEventId(request.headers), showing);
    await streamEvents(response, events, tellAsCog(predictionId(job)));
  } else {
    const isOver = await waitForEnd(port, job.id, wishes.waitMs, exchange);
    if (!exchange.signal.aborted)
      sendJson(response, isOver ? 200 : 202, await presentPrediction(port, job.id, showing));
  }
  if (wishes.isTied) await cancelIfGone(port, job.id, exchange);
}

/** Not of Cog: its clients cannot look again. */
async function look(exchange: Exchange, { port, name, prefix }: Place, id: string): Promise<void> {
  const { request, response, caller, signal } = exchange;
  const job = await findOfRuntime(port, { id, name }, { caller, signal });
  const showing: Showing = { ...exchange, prefix, isInline: true };
  if (!wishesOf(request.headers, false).isStream)
    return sendJson(response, 200, await presentPrediction(port, job.id, showing));
  const events = predictionEvents(port, job.id, lastEventId(request.headers), showing);
  await streamEvents(response, events, tellAsCog(predictionId(job)));
}

async function cancel(exchange: Exchange, { port, name }: Place, id: string): Promise<void> {
  const { response, caller, signal } = exchange;
  const job = await findOfRuntime(port, { id, name }, { caller, signal });
  if (job.finishedAt === null) await port.call("POST /jobs/:job/cancel", { job: job.id }, caller, signal);
  sendJson(response, 200, {});
}

async function findOfRuntime(
  port: GatewayPort,
  { id, name }: { readonly id: string; readonly name: string },
  { caller, signal }: Pick<Exchange, "caller" | "signal">,
) {
  const job = await findPrediction(port, id, caller, signal);
  // As if there were none: it is none of this server's.
  return job.runtime === name ? job : findPrediction(port, "", caller, signal);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
