import type { Api, StreamApi } from "../../operations/api.ts";

/** What the daemon answered instead of what it was asked for. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly why: string | null;
  readonly hint: string | null;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(textIn(body, "title") ?? `the daemon answered with ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.code = textIn(body, "code") ?? "unknown";
    this.why = textIn(body, "detail");
    this.hint = textIn(body, "hint");
  }
}

function textIn(body: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = body[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** What a call can fail with, as a sentence for people: what, and why. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.why === null ? error.message : `${error.message}: ${error.why}`;
  return isLost(error) ? "the daemon does not answer" : String((error as Error).message ?? error);
}

/** Whether there was no answer at all. */
export function isLost(error: unknown): boolean {
  return (
    error instanceof TypeError || (error instanceof ApiError && error.status >= 502 && error.status <= 504)
  );
}

/**
 * Calls an operation of the API with the cookie of this page.
 * @throws ApiError with what the daemon said; TypeError when it does not answer
 */
export async function call<R extends keyof Api>(
  route: R,
  input: Api[R]["input"],
  signal?: AbortSignal,
): Promise<Api[R]["output"]> {
  const response = await ask(route, input, signal);
  return (await response.json()) as Api[R]["output"];
}

/** The lines of an operation that answers with a stream, as they come. @throws as `call` */
export async function* stream<R extends keyof StreamApi>(
  route: R,
  input: StreamApi[R]["input"],
  signal?: AbortSignal,
): AsyncGenerator<StreamApi[R]["line"], void, undefined> {
  const { body } = await ask(route, input, signal);
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield readLine(line) as StreamApi[R]["line"];
    if (done) return;
  }
}

/** A stream that has begun ends with a line of its failure. @throws ApiError */
function readLine(line: string): unknown {
  const read = JSON.parse(line) as { error?: { code?: string; message?: string; why?: string } };
  if (read.error?.code === undefined) return read;
  const { code, message, why } = read.error;
  throw new ApiError(500, { code, title: message, detail: why });
}

async function ask(
  route: string,
  input: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const { method, path, body } = requestOf(route, input);
  const response = await fetch(path, {
    method,
    ...(signal && { signal }),
    ...(body !== null && { body, headers: { "content-type": "application/json" } }),
  });
  if (response.ok) return response;
  throw await errorOf(response);
}

/** What an answer that is none says. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  return new ApiError(response.status, body);
}

function requestOf(route: string, input: Readonly<Record<string, unknown>>) {
  const [method = "GET", pattern = "/"] = route.split(" ");
  const inPath = new Set<string>();
  const path = pattern.replaceAll(/:([a-z]+)/gi, (_, name: string) => {
    inPath.add(name);
    return encodeURIComponent(String(input[name]));
  });
  const rest = Object.entries(input).filter(([name, value]) => !inPath.has(name) && value !== undefined);
  if (method !== "GET")
    return { method, path: `/api/v1${path}`, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams(rest.map(([name, value]) => [name, String(value)])).toString();
  return { method, path: `/api/v1${path}${query === "" ? "" : `?${query}`}`, body: null };
}
