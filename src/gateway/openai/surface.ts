import { Failure } from "../../std/failure.ts";
import { surfaceAccess } from "../access.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayRoute, Surface } from "../port.ts";
import { sendOpenaiError } from "./errors.ts";
import { listModels, showModel } from "./models.ts";
import { serveJson } from "./serve-json.ts";
import { serveUpload } from "./serve-upload.ts";

/** Requests with a JSON body; they go to the same path of a worker. */
const JSON_PATHS: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/images/generations",
  "/v1/audio/speech",
  "/v1/rerank",
]);

/** Requests that bring files along. */
const UPLOAD_PATHS: ReadonlySet<string> = new Set([
  "/v1/images/edits",
  "/v1/images/variations",
  "/v1/audio/transcriptions",
  "/v1/audio/translations",
]);

const MODEL_PREFIX = "/v1/models/";

/** What is asked of a response that was kept: itself, its `cancel` and its `input_items`. */
const KEPT_RESPONSE = /^\/v1\/responses\/[^/]+(\/cancel|\/input_items)?$/;

/** What clients of OpenAI's API ask for, served by the workers of this host. */
export function openaiSurface(kit: Kit): Surface {
  return {
    name: "openai",
    owns: (path) => path.startsWith("/v1/"),
    sendError: sendOpenaiError,
    find(method, path) {
      if (method === "POST" && JSON_PATHS.has(path))
        return route(method, path, (exchange) => serveJson(kit, path, exchange));
      if (method === "POST" && UPLOAD_PATHS.has(path))
        return route(method, path, (exchange) => serveUpload(kit, path, exchange));
      const [kept, part = ""] = KEPT_RESPONSE.exec(path) ?? [];
      if (kept !== undefined) return route(method, `/v1/responses/:response${part}`, refuseKept);
      if (method !== "GET") return null;
      if (path === "/v1/models") return listing(path, (exchange) => listModels(kit.port, exchange));
      if (!path.startsWith(MODEL_PREFIX)) return null;
      const name = decoded(path.slice(MODEL_PREFIX.length));
      return listing("/v1/models/:model", (exchange) => showModel(kit.port, name, exchange));
    },
  };
}

async function refuseKept(): Promise<never> {
  throw new Failure("request/unknown-route", "there is no such response", {
    why: "responses are not kept here",
    hint: "send what was said before as input",
  });
}

function route(method: string, path: string, serve: GatewayRoute["serve"]): GatewayRoute {
  return { route: `${method} ${path}`, access: surfaceAccess.infer, serve };
}

function listing(path: string, serve: (exchange: Exchange) => Promise<void>): GatewayRoute {
  return { route: `GET ${path}`, access: surfaceAccess.list, serve };
}

/** @throws Failure request/malformed */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure("request/malformed", "the name of the model in the path is not encoded right");
  }
}
