import type { RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { packageVersion } from "../../std/package-version.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import { openapiOf } from "./openapi.ts";
import { sendJson } from "./send-json.ts";

type JsonObject = { readonly [field: string]: Json };

/** Runtimes have no date that is anybody's affair. */
const SOME_TIME = "1970-01-01T00:00:00Z";

/**
 * The runtime that a version means: a name of a runtime, alone or after "owner/name:"; "owner/name" alone is that of the model.
 * @throws Failure param/invalid
 */
export function runtimeOfVersion(version: unknown): string {
  const text = typeof version === "string" ? version : "";
  const name = text.includes(":")
    ? text.slice(text.lastIndexOf(":") + 1)
    : text.slice(text.lastIndexOf("/") + 1);
  if (name !== "") return name;
  throw new Failure("param/invalid", "the field version is missing", {
    why: "it says what is to run: the name of a runtime",
    hint: "orch runtimes",
  });
}

/** Every runtime that can be used is a model. */
export async function listModels({ response, caller, signal }: Exchange, port: GatewayPort): Promise<void> {
  const { runtimes } = await port.call("GET /runtimes", {}, caller, signal);
  const results = runtimes.filter(({ problem }) => problem === null).map(viewModel);
  sendJson(response, 200, { previous: null, next: null, results });
}

/** A runtime as a model. @throws Failure runtime/unknown */
export async function showModel(
  { response, caller, signal }: Exchange,
  port: GatewayPort,
  runtime: string,
): Promise<void> {
  sendJson(response, 200, viewModel(await port.call("GET /runtimes/:runtime", { runtime }, caller, signal)));
}

/** The one version of a model. @throws Failure runtime/unknown */
export async function listVersions(
  { response, caller, signal }: Exchange,
  port: GatewayPort,
  runtime: string,
): Promise<void> {
  const view = await port.call("GET /runtimes/:runtime", { runtime }, caller, signal);
  sendJson(response, 200, { previous: null, next: null, results: [viewVersion(view)] });
}

/** As `listVersions`, by its id. @throws Failure runtime/unknown */
export async function showVersion(
  { response, caller, signal }: Exchange,
  port: GatewayPort,
  runtime: string,
): Promise<void> {
  sendJson(
    response,
    200,
    viewVersion(await port.call("GET /runtimes/:runtime", { runtime }, caller, signal)),
  );
}

function viewModel(runtime: RuntimeView): JsonObject {
  return {
    url: `orch/${runtime.name}`,
    owner: "orch",
    name: runtime.name,
    description: runtime.summary,
    visibility: "private",
    is_official: false,
    github_url: null,
    paper_url: null,
    license_url: null,
    run_count: 0,
    cover_image_url: null,
    default_example: null,
    latest_version: viewVersion(runtime),
  };
}

function viewVersion(runtime: RuntimeView): JsonObject {
  return {
    id: runtime.name,
    created_at: SOME_TIME,
    cog_version: `orch ${packageVersion()}`,
    openapi_schema: openapiOf(runtime),
  };
}
