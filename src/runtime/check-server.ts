import type { Json } from "../std/json.ts";
import { placeholdersIn, wholePlaceholder } from "../std/placeholders.ts";
import { suggest } from "../std/suggest.ts";
import { checkPoll } from "./check-poll.ts";
import { checkValue } from "./check-value.ts";
import type { Path, Problem } from "./read-yaml.ts";
import type { Param } from "./runtime.ts";
import type { RuntimeFields } from "./schema.ts";
import type { ServerFields } from "./server-shape.ts";

type Params = Readonly<Record<string, Param>>;

/** What only one protocol understands. */
const KEYS_OF: Readonly<Record<"openai" | "http", readonly (keyof ServerFields)[]>> = {
  openai: ["model", "api"],
  http: ["request", "poll", "progress", "cancel"],
};

/** Set from the body, or by the connection. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "content-type",
  "transfer-encoding",
]);

/**
 * Finds what is wrong with the `server` block and with its command: it is for servers that were not written for orch,
 * and a process among them is told how to start.
 */
export function checkServer(fields: RuntimeFields, params: Params): Problem[] {
  const { engine, protocol, server, command } = fields;
  if (protocol === "orch" || protocol === "exec") {
    return server === undefined
      ? []
      : [problem(["server"], "is for the protocols openai, cog and http", "key")];
  }
  const problems: Problem[] = [];
  if (engine === "process" && command === undefined) {
    problems.push(problem(["command"], `protocol ${protocol} needs a command, the program that serves`));
  }
  problems.push(...checkServerCommand(command ?? [], params));
  if (protocol === "openai" && server?.api === "transcriptions") problems.push(...checkTranscription(params));
  if (protocol === "http" && server?.request === undefined) {
    problems.push(problem(["server", "request"], "protocol http needs it: how a job becomes a request"));
  }
  if (protocol === "http" && server?.ready === undefined) {
    problems.push(
      problem(["server", "ready"], "protocol http needs it: a path that answers 200 once jobs can be served"),
    );
  }
  if (server === undefined) return problems;
  return [
    ...problems,
    ...checkKey(server, fields.secrets),
    ...checkForeignKeys(protocol, server),
    ...checkWarmUp(server.warmUp, params),
    ...(protocol === "http" ? checkTemplate(server, params) : []),
  ];
}

/** Whatever stands there instead of a name may be the key itself: it is never repeated. */
function checkKey({ key, request }: ServerFields, secrets: readonly string[]): Problem[] {
  if (key === undefined) return [];
  if (!secrets.includes(key))
    return [problem(["server", "key"], "names no secret of this runtime; add it to its secrets")];
  const name = Object.keys(request?.headers ?? {}).find((header) => header.toLowerCase() === "authorization");
  if (name === undefined) return [];
  return [problem(["server", "request", "headers", name], "is sent with server.key", "key")];
}

function checkForeignKeys(protocol: "openai" | "cog" | "http", server: ServerFields): Problem[] {
  return (["openai", "http"] as const)
    .filter((owner) => owner !== protocol)
    .flatMap((owner) =>
      KEYS_OF[owner]
        .filter((key) => server[key] !== undefined)
        .map((key) => problem(["server", key], `is for protocol ${owner}`, "key")),
    );
}

/** An argument that names what is not known at the start would be left out without a word. */
function checkServerCommand(command: readonly string[], params: Params): Problem[] {
  const known = ["port", ...Object.keys(params).filter((name) => params[name]?.load === true)];
  const reserved =
    params["port"]?.load === true
      ? [problem(["params", "port"], "{port} is the port that orch chooses", "key")]
      : [];
  return [
    ...reserved,
    ...command.flatMap((argument, index) =>
      placeholdersIn(argument)
        .filter(({ name, encoding }) => encoding !== "path" || !known.includes(name))
        .map(({ name }) => problem(["command", index], unknownInCommand(name, params, known))),
    ),
  ];
}

function unknownInCommand(name: string, params: Params, known: readonly string[]): string {
  if (Object.hasOwn(params, name)) {
    return `"${name}" is not known when the server starts; mark it load: true`;
  }
  const near = suggest(name, known);
  return near === undefined
    ? `no load param "${name}", and it is not {port}`
    : `no load param "${name}"; did you mean "${near}"?`;
}

function checkTranscription(params: Params): Problem[] {
  const files = Object.values(params).filter(({ type, load }) => type === "file" && !load);
  return files.length > 0 ? [] : [problem(["server", "api"], "transcriptions needs a param of type file")];
}

function checkWarmUp(warmUp: ServerFields["warmUp"], params: Params): Problem[] {
  if (warmUp === undefined) return [];
  const missing = Object.entries(params)
    .filter(([name, { required, load }]) => required && !load && !Object.hasOwn(warmUp, name))
    .map(([name]) => problem(["server", "warmUp"], `param "${name}" is required and missing here`, "key"));
  const wrong = Object.entries(warmUp).flatMap(([name, value]): Problem[] => {
    const path = ["server", "warmUp", name];
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (param === undefined) return [problem(path, unknownParam(name, params), "key")];
    const checked = checkValue(param, value);
    return checked.ok ? [] : [problem(path, checked.why)];
  });
  return [...missing, ...wrong];
}

function checkTemplate(server: ServerFields, params: Params): Problem[] {
  const { request, response, progress } = server;
  const problems = checkResponse(response);
  if (progress !== undefined)
    problems.push(...checkPath(["server", "progress", "path"], progress.path, params));
  problems.push(...checkPoll(server));
  if (request === undefined) return problems;
  const at: Path = ["server", "request"];
  if (request.body !== undefined && request.form !== undefined) {
    problems.push(problem([...at, "form"], "a request has a body or a form, not both", "key"));
  }
  if (request.method === "GET" && (request.body !== undefined || request.form !== undefined)) {
    problems.push(problem([...at, "method"], "GET has no body; give the params in query"));
  }
  problems.push(...checkPath([...at, "path"], request.path, params));
  for (const name of Object.keys(request.headers)) {
    const path = [...at, "headers", name];
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
      problems.push(problem(path, "is not a name of a header", "key"));
    if (RESERVED_HEADERS.has(name.toLowerCase()))
      problems.push(problem(path, "is set by orch itself", "key"));
  }
  for (const key of ["headers", "query", "form"] as const) {
    for (const [name, text] of Object.entries(request[key] ?? {})) {
      problems.push(...checkText([...at, key, name], text, params));
    }
  }
  return [...problems, ...checkBody([...at, "body"], request.body ?? null, params)];
}

function checkResponse({ body, output, text, artifacts }: ServerFields["response"]): Problem[] {
  const at: Path = ["server", "response"];
  if (body === "json") {
    return artifacts.flatMap(({ at: pointer }, index) =>
      pointer === ""
        ? [problem([...at, "artifacts", index, "at"], "where in the answer the file is, like /images")]
        : [],
    );
  }
  const why = `an answer that is ${body} has no places to point at`;
  const problems: Problem[] = [];
  if (output !== undefined) problems.push(problem([...at, "output"], why, "key"));
  if (text !== undefined) problems.push(problem([...at, "text"], why, "key"));
  if (artifacts.length > (body === "binary" ? 1 : 0) || artifacts.some((rule) => rule.at !== "")) {
    problems.push(
      problem([...at, "artifacts"], body === "binary" ? "a binary answer is one file, without at" : why),
    );
  }
  return problems;
}

function checkBody(path: Path, body: Json, params: Params): Problem[] {
  if (typeof body === "string") return checkBodyText(path, body, params);
  if (typeof body !== "object" || body === null) return [];
  return Object.entries(body).flatMap(([key, value]: [string, Json]) =>
    checkBody([...path, Array.isArray(body) ? Number(key) : key], value, params),
  );
}

function checkBodyText(path: Path, text: string, params: Params): Problem[] {
  return placeholdersIn(text).flatMap(({ name, encoding, isKnown }): Problem[] => {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    if (param === undefined) return [problem(path, unknownParam(name, params))];
    if (!isKnown) return [problem(path, `{${name}:…} must be {${name}:base64} or {${name}:dataUrl}`)];
    if (encoding === "path") return [];
    if (param.type !== "file")
      return [problem(path, `{${name}:${encoding}} is for files, and "${name}" is none`)];
    return wholePlaceholder(text) === null ? [problem(path, `{${name}:${encoding}} must stand alone`)] : [];
  });
}

function checkText(path: Path, text: string, params: Params): Problem[] {
  return placeholdersIn(text).flatMap(({ name, encoding, isKnown }): Problem[] => {
    if (!Object.hasOwn(params, name)) return [problem(path, unknownParam(name, params))];
    const isPlain = isKnown && encoding === "path";
    return isPlain
      ? []
      : [problem(path, `write {${name}}; what is in a file goes into a body, or a form as it is`)];
  });
}

/** A path with a hole in it would be another path. */
function checkPath(path: Path, text: string, params: Params): Problem[] {
  const absent = placeholdersIn(text).filter(({ name }) => {
    const param = Object.hasOwn(params, name) ? params[name] : undefined;
    return param !== undefined && !param.required && param.default === undefined;
  });
  return [
    ...checkText(path, text, params),
    ...absent.map(({ name }) =>
      problem(path, `"${name}" is optional; a path needs one that is required or has a default`),
    ),
  ];
}

function unknownParam(name: string, params: Params): string {
  const near = suggest(name, Object.keys(params));
  return `no param "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

function problem(path: Path, why: string, at: Problem["at"] = "value"): Problem {
  return { path, at, why };
}
