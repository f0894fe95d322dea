import { Failure } from "../../std/failure.ts";
import { lastEventId } from "../event-stream.ts";
import type {
  Exchange,
  FindRoute,
  GatewayPort,
  GatewayRoute,
  OpenExchange,
  OpenRoute,
  Surface,
} from "../port.ts";
import { type AskedPrediction, createPrediction, readPrediction } from "./create.ts";
import { sendReplicateError } from "./errors.ts";
import { predictionEvents } from "./events.ts";
import { listFiles, removeFile, showFile, uploadFile } from "./files.ts";
import { findPrediction } from "./find-prediction.ts";
import { readLink } from "./links.ts";
import { listModels, listVersions, runtimeOfVersion, showModel, showVersion } from "./models.ts";
import { presentPrediction } from "./present.ts";
import { wishesOf } from "./request-wishes.ts";
import { originOf, sendJson } from "./send-json.ts";
import { streamEvents, tellAsReplicate } from "./stream.ts";
import { cancelIfGone, waitForEnd } from "./wait-for-end.ts";

const PREFIX = "/replicate/v1";
const PAGE = 20;

/** All runtimes as models of Replicate's API: the base of its clients is /replicate/v1. */
export function replicateSurface(port: GatewayPort): Surface {
  return {
    name: "replicate",
    owns: (path) => path.startsWith(`${PREFIX}/`),
    find: replicateRoutes(port),
    sendError: sendReplicateError,
  };
}

interface Place {
  readonly port: GatewayPort;
  /** What stands for the names in the path, in their order. */
  readonly names: readonly string[];
}

interface ReplicateRoute extends Pick<GatewayRoute, "access"> {
  serve(exchange: Exchange, place: Place): Promise<void>;
}

/** Any owner will do: a script that names somebody's model runs the runtime of that name. */
const routes: Readonly<Record<string, ReplicateRoute>> = {
  "POST /predictions": { access: "submit", serve: (exchange, place) => predict(exchange, place, null) },
  "GET /predictions": { access: "read", serve: list },
  "GET /predictions/:id": { access: "read", serve: look },
  "POST /predictions/:id/cancel": { access: "submit", serve: cancel },
  "POST /models/:owner/:name/predictions": { access: "submit", serve: predictNamed },
  "POST /deployments/:owner/:name/predictions": { access: "submit", serve: predictNamed },
  "GET /models": { access: "read", serve: (exchange, { port }) => listModels(exchange, port) },
  "GET /models/:owner/:name": {
    access: "read",
    serve: (exchange, { port, names }) => showModel(exchange, port, at(names, 1)),
  },
  "GET /models/:owner/:name/versions": {
    access: "read",
    serve: (exchange, { port, names }) => listVersions(exchange, port, at(names, 1)),
  },
  "GET /models/:owner/:name/versions/:version": {
    access: "read",
    serve: (exchange, { port, names }) => showVersion(exchange, port, runtimeOfVersion(at(names, 2))),
  },
  "POST /files": { access: "submit", serve: (exchange, { port }) => uploadFile(exchange, port) },
  "GET /files": { access: "read", serve: (exchange, { port }) => listFiles(exchange, port) },
  "GET /files/:file": {
    access: "read",
    serve: (exchange, { port, names }) => showFile(exchange, port, at(names, 0)),
  },
  "DELETE /files/:file": {
    access: "submit",
    serve: (exchange, { port, names }) => removeFile(exchange, port, at(names, 0)),
  },
  "GET /webhooks/default/secret": { access: "submit", serve: tellSecret },
  "GET /account": { access: "read", serve: tellAccount },
};

const shapes = Object.keys(routes).map((route) => {
  const [method = "", path = ""] = route.split(" ");
  return { route, method, parts: path.split("/") };
});

function replicateRoutes(port: GatewayPort): FindRoute {
  const link = linkRoute(port);
  return (method, path) => {
    const parts = path.slice(PREFIX.length).split("/");
    if (method === "GET" && parts.length === 3 && parts[1] === "links") return link;
    for (const { route, method: wanted, parts: shape } of shapes) {
      if (wanted !== method || shape.length !== parts.length) continue;
      const isFit = shape.every((part, index) =>
        part.startsWith(":") ? parts[index] !== "" : part === parts[index],
      );
      const found = routes[route];
      if (!isFit || found === undefined) continue;
      const names = parts.filter((_, index) => shape[index]?.startsWith(":") === true).map(decode);
      return {
        route: route.replace(" ", ` ${PREFIX}`),
        access: found.access,
        serve: (exchange) => found.serve(exchange, { port, names }),
      };
    }
    return null;
  };
}

async function predictNamed(exchange: Exchange, place: Place): Promise<void> {
  return predict(exchange, place, at(place.names, 1));
}

/** @param runtime null = the body says it */
async function predict(exchange: Exchange, { port }: Place, runtime: string | null): Promise<void> {
  const { request, response } = exchange;
  const wishes = wishesOf(request.headers, false);
  const asked: AskedPrediction = await readPrediction(port, exchange);
  const job = await createPrediction(port, {
    ...{ exchange, asked, wishes, prefix: PREFIX },
    runtime: runtime ?? runtimeOfVersion(asked.version),
  });
  const isOver = await waitForEnd(port, job.id, wishes.waitMs, exchange);
  if (!exchange.signal.aborted) {
    const shown = await presentPrediction(port, job.id, { ...exchange, prefix: PREFIX });
    // Its clients take whatever is not "starting" after a wait for the end.
    const isCut = wishes.waitMs > 0 && shown.status === "processing";
    sendJson(
      response,
      isOver || wishes.waitMs === 0 ? 201 : 202,
      isCut ? { ...shown, status: "starting" } : shown,
    );
  }
  if (wishes.isTied) await cancelIfGone(port, job.id, exchange);
}

async function look(exchange: Exchange, { port, names }: Place): Promise<void> {
  const { caller, signal, response } = exchange;
  const { id } = await findPrediction(port, at(names, 0), caller, signal);
  sendJson(response, 200, await presentPrediction(port, id, { ...exchange, prefix: PREFIX }));
}

async function cancel(exchange: Exchange, { port, names }: Place): Promise<void> {
  const { caller, signal, response } = exchange;
  const { id, finishedAt } = await findPrediction(port, at(names, 0), caller, signal);
  if (finishedAt === null) await port.call("POST /jobs/:job/cancel", { job: id }, caller, signal);
  sendJson(response, 200, await presentPrediction(port, id, { ...exchange, prefix: PREFIX }));
}

async function list(exchange: Exchange, { port }: Place): Promise<void> {
  const { caller, signal, request, response, query } = exchange;
  const cursor = new URLSearchParams(query).get("cursor");
  if (cursor !== null && !/^[1-9]\d{0,14}$/.test(cursor))
    throw new Failure("param/invalid", "the cursor is not one of this API", {
      hint: "follow the addresses in next",
    });
  const older = cursor === null ? "" : ` and id < ${cursor}`;
  const filter = `user = ${JSON.stringify(caller.user)} and runtime != run${older}`;
  const { jobs } = await port.call("GET /jobs", { filter, limit: PAGE + 1 }, caller, signal);
  const results = [];
  for (const { id } of jobs.slice(0, PAGE))
    results.push(await presentPrediction(port, id, { ...exchange, prefix: PREFIX }, false));
  const last = jobs[PAGE - 1];
  const hasMore = jobs.length > PAGE && last !== undefined;
  const next = hasMore ? `${originOf(request)}${PREFIX}/predictions?cursor=${last.id}` : null;
  sendJson(response, 200, { previous: null, next, results });
}

async function tellSecret({ response, caller, signal }: Exchange, { port }: Place): Promise<void> {
  sendJson(response, 200, await port.call("GET /webhooks/default/secret", {}, caller, signal));
}

async function tellAccount({ response, caller }: Exchange): Promise<void> {
  sendJson(response, 200, { type: "user", username: caller.user, name: caller.user });
}

/** Outputs and streams, which Replicate's clients fetch without their key: the address itself proves that it was given to them. */
function linkRoute(port: GatewayPort): OpenRoute {
  return {
    route: `GET ${PREFIX}/links/:link`,
    access: "open",
    serve: (exchange) => serveLink(port, exchange),
  };
}

async function serveLink(port: GatewayPort, exchange: OpenExchange): Promise<void> {
  const { path, request, response } = exchange;
  const text = path.slice(path.lastIndexOf("/") + 1);
  const { job, to, uid, user, keyId } = readLink(text, port.clock.nowMs(), (said) => port.sign(said));
  const isVoid = keyId !== null && keyId !== "none" && port.keys.find(keyId) === undefined;
  if (isVoid)
    throw new Failure("key/refused", "this address is not valid any more", { why: "its key was revoked" });
  const caller = { ...(await port.admit({ uid, user })), isAdmin: false };
  if (to === "stream") {
    const events = predictionEvents(port, job, lastEventId(request.headers), {
      ...exchange,
      caller,
      prefix: PREFIX,
    });
    return streamEvents(response, events, tellAsReplicate);
  }
  const artifact = `/api/v1/jobs/${job}/artifacts/${to}`;
  await port
    .find("GET", artifact)
    .serve({ ...exchange, path: artifact, query: "", caller, scopes: ["read"] });
}

function at(names: readonly string[], index: number): string {
  return names[index] ?? "";
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
