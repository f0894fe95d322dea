import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { CORRELATION_PATTERN } from "../std/correlation.ts";
import { Failure, toFailure } from "../std/failure.ts";
import { refuseUnlessInScope } from "./access.ts";
import { type AuditLine, createAudit } from "./audit.ts";
import { refuseForeignPage } from "./check-origin.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import { guardHeaders } from "./guard-headers.ts";
import { measureRequest } from "./measure.ts";
import type { GatewayPort, GatewayRoute, OpenRoute, Surface } from "./port.ts";
import { sendProblem } from "./problem.ts";
import { TooMany } from "./too-many.ts";

const guards = Object.entries(guardHeaders);

/** Why what is done for a caller is given up. */
const GONE = new Failure("interrupted", "the caller has gone");

export interface ResponderParts {
  readonly port: GatewayPort;
  readonly doorkeeper: Doorkeeper;
  /** Names by which the gateway may be called. */
  readonly hosts: readonly string[];
  readonly surfaces: readonly Surface[];
}

export interface Responder {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Ends what is still being answered to keys that are valid no more. */
  cutOff(): void;
}

/** Answers the requests of the gateway. */
export function createResponder(parts: ResponderParts): Responder {
  const { port, doorkeeper } = parts;
  const note = createAudit(port);
  /** What is being answered, and whether it may go on. */
  const answering = new Map<ServerResponse, () => boolean>();
  /** At a door of its own a surface says itself what is not there. */
  const only = parts.surfaces.length === 1 ? parts.surfaces[0] : undefined;
  return {
    handle(request, response) {
      const startMs = port.clock.monotonicMs();
      const { method } = request;
      const from = request.socket.remoteAddress;
      const measured = measureRequest(port, { request, response, startMs });
      const line: AuditLine = { route: "none", keyId: null, user: null };
      const controller = new AbortController();
      for (const [name, value] of guards) response.setHeader(name, value);
      const owner = parts.surfaces.find((each) => each.owns(pathOf(request)));
      const surface = owner ?? only;
      const correlation = surface?.correlationOf?.(request) ?? correlationOf(request);
      if (correlation !== null) response.setHeader("x-correlation-id", correlation);
      response.once("close", () => {
        // An error with its trace for each answer that came to its end would cost more than the answer.
        controller.abort(GONE);
        answering.delete(response);
        measured(surface?.name ?? "none", line.route);
        note(line, { method, from, response, correlation, startMs });
      });
      const exchange = { request, response, signal: controller.signal, ...splitUrl(request.url ?? "") };
      const work = async (): Promise<void> => {
        const isPage = surface?.isPage?.(exchange.path) === true;
        refuseForeignPage(request, parts.hosts, { isPage, anyOrigin: surface?.anyOrigin === true });
        const open = openRoute(owner, method, exchange.path);
        if (open !== null) {
          line.route = open.route;
          return open.serve(exchange);
        }
        if (surface?.isWhole !== true && answerHealth(port, exchange, line)) return;
        if (owner === undefined && only !== undefined) throw unknownRoute(method, exchange.path);
        const { caller, scopes, keyId, isValid } =
          (await surface?.admit?.(request)) ?? (await doorkeeper.admit(request, surface?.isOpen === true));
        Object.assign(line, { keyId, user: caller.user });
        if (correlation === null) throw badCorrelation();
        const found = findRoute(surface, method, exchange.path);
        line.route = found.route;
        refuseUnlessInScope(found.access, found.route, scopes);
        if (response.destroyed) return;
        answering.set(response, isValid ?? (() => doorkeeper.isValid(keyId)));
        await found.serve({ scopes, caller: { ...caller, correlation }, ...exchange });
      };
      work().catch((error: unknown) => {
        if (error instanceof TooMany) line.keyId ??= error.keyId;
        if (toFailure(error).code === "bug")
          port.log.error({ err: error, route: line.route }, "a request to the gateway failed by a bug");
        (surface?.sendError ?? sendProblem)(response, error);
      });
    },
    cutOff() {
      for (const [response, isValid] of answering) if (!isValid()) response.destroy();
    },
  };
}

/** @throws Failure request/unknown-route and what else keeps it from being found */
function findRoute(surface: Surface | undefined, method = "", path: string): GatewayRoute {
  const found = surface?.find(method, path) ?? null;
  if (found !== null && found.access !== "open") return found;
  throw unknownRoute(method, path);
}

function unknownRoute(method = "", path: string): Failure {
  return new Failure("request/unknown-route", `there is no ${method} ${path.slice(0, 200)}`, {
    hint: "GET /api/v1/openapi.json lists them",
  });
}

/** What needs no key. What is wrong with a path is told to those who have been let in. */
function openRoute(surface: Surface | undefined, method = "", path: string): OpenRoute | null {
  try {
    const found = surface?.find(method, path) ?? null;
    return found?.access === "open" ? found : null;
  } catch {
    return null;
  }
}

/** For whoever watches over the daemon: nothing but whether it is there, and takes work. */
function answerHealth(
  port: GatewayPort,
  { request, response, path }: { request: IncomingMessage; response: ServerResponse; path: string },
  line: AuditLine,
): boolean {
  const { method = "" } = request;
  if (!["GET", "HEAD"].includes(method) || (path !== "/healthz" && path !== "/readyz")) return false;
  line.route = `GET ${path}`;
  const isGood = path === "/healthz" || port.isReady();
  response.writeHead(isGood ? 200 : 503, { "content-type": "text/plain" });
  response.end(isGood ? "ok\n" : "stopping\n");
  return true;
}

/** As the caller gave it, or one of our own; null = what was given is none. */
function correlationOf({ headers }: IncomingMessage): string | null {
  const given = headers["x-correlation-id"];
  if (given === undefined) return `gw-${randomUUID()}`;
  return typeof given === "string" && CORRELATION_PATTERN.test(given) ? given : null;
}

function badCorrelation(): Failure {
  return new Failure("request/malformed", "the header x-correlation-id is not valid", {
    why: "expected 1 to 128 letters, digits or . _ : / @ + = -, a letter or digit first",
  });
}

function pathOf({ url = "" }: IncomingMessage): string {
  return splitUrl(url).path;
}

function splitUrl(url: string): { path: string; query: string } {
  const at = url.indexOf("?");
  return at < 0 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
}
