import type { Api } from "../../operations/api.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import { answerJson } from "../forward/answer-json.ts";
import { keepWaiting, priorityOf } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import type { Exchange, GatewayPort } from "../port.ts";
import type { ServedModel } from "../request-port.ts";
import { jobParamsOf } from "./job-params.ts";
import { streamed, wholeAnswers } from "./manners.ts";

type Job = Api["GET /jobs/:job"]["output"];

interface Asked {
  readonly served: ServedModel;
  readonly body: Buffer;
}

/** Pictures in an answer, all together. */
const MOST_PICTURE_BYTES = 256 * 1024 * 1024;

/**
 * Serves a request by a job, for runtimes that are no servers of this API: its params are made of the request, the answer of its
 * output and files.
 * @throws Failure of many kinds
 */
export async function serveByJob(kit: Kit, path: string, exchange: Exchange, asked: Asked): Promise<void> {
  const { caller, signal } = exchange;
  const fields = parse(asked.body);
  const { served } = asked;
  const runtime = await kit.port.call("GET /runtimes/:runtime", { runtime: served.runtime }, caller, signal);
  await answerByJob(kit, path, exchange, { served, fields, params: jobParamsOf(path, fields, runtime) });
}

/** What a job is submitted for. */
export interface JobWish {
  readonly served: ServedModel;
  /** As the request has them, for how its answer is to look. */
  readonly fields: Readonly<Record<string, Json>>;
  readonly params: Readonly<Record<string, Json>>;
}

/** Submits a job, waits for its end and answers with what it came to. @throws Failure of many kinds */
export async function answerByJob(kit: Kit, path: string, exchange: Exchange, wish: JobWish): Promise<void> {
  const { port } = kit;
  const { caller, request, response, signal } = exchange;
  const { served, fields, params } = wish;
  const isStream = fields["stream"] === true && path.endsWith("/completions");
  const manner = isStream ? streamed(request.headers["x-orch-progress"]) : wholeAnswers;
  const priority = priorityOf(request.headers["x-orch-priority"]);
  const submitted = await port.call(
    "POST /jobs",
    {
      runtime: served.runtime,
      params: { ...params, ...served.params },
      ...(priority === undefined ? {} : { options: { priority } }),
    },
    caller,
    signal,
  );
  response.setHeader("x-orch-job-id", submitted.id);
  const waiting = keepWaiting(exchange, manner, () => null);
  try {
    const job = await untilOver(port, submitted.id, exchange);
    waiting.end();
    await answer(port, path, exchange, { job, model: served.name, isStream, fields });
  } finally {
    waiting.end();
  }
}

/** The job at its end; it is cancelled when its caller goes. @throws Failure job/failed, interrupted */
async function untilOver(port: GatewayPort, job: number, { caller, signal }: Exchange): Promise<Job> {
  try {
    for await (const line of port.stream("GET /follow", { jobs: [job] }, caller, signal))
      if (line.type === "end") break;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) {
    await port.call("POST /jobs/:job/cancel", { job }, caller).catch(() => undefined);
    throw new Failure("interrupted", "the caller has gone");
  }
  const found = await port.call("GET /jobs/:job", { job }, caller);
  if (found.state === "succeeded") return found;
  throw new Failure("worker/failed", `job ${job} ${found.state}`, { why: found.reason?.text });
}

interface Done {
  readonly job: Job;
  readonly model: string;
  readonly isStream: boolean;
  readonly fields: JobWish["fields"];
}

async function answer(port: GatewayPort, path: string, exchange: Exchange, done: Done): Promise<void> {
  const { response } = exchange;
  const { job } = done;
  const created = Math.floor(port.clock.nowMs() / 1000);
  switch (path) {
    case "/v1/audio/transcriptions":
    case "/v1/audio/translations":
      return sendTranscript(exchange, done);
    case "/v1/images/generations":
    case "/v1/images/edits":
    case "/v1/images/variations":
      return answerJson(response, { created, data: await pictures(port, done, exchange) });
    case "/v1/audio/speech":
      return sendSound(port, job, exchange);
    case "/v1/embeddings":
      return answerJson(response, embeddings(job, done.model));
    default:
      return sendText(exchange, path, done, created);
  }
}

async function pictures(port: GatewayPort, { job, fields }: Done, { caller }: Exchange): Promise<object[]> {
  const found: object[] = [];
  let bytes = 0;
  for (const index of job.artifacts.keys()) {
    if (job.artifacts[index]?.type?.startsWith("image/") !== true) continue;
    const file = await port.call("GET /jobs/:job/artifacts/:index", { job: job.id, index }, caller);
    try {
      bytes += file.bytes;
      if (bytes > MOST_PICTURE_BYTES)
        throw new Failure("worker/failed", "the pictures are too large to be sent");
      const data = await file.handle.readFile();
      const base64 = data.toString("base64");
      // An address that holds what it stands for: no key is needed to look at it.
      const asUrl = fields["response_format"] === "url";
      found.push(asUrl ? { url: `data:${file.type};base64,${base64}` } : { b64_json: base64 });
    } finally {
      await file.handle.close();
    }
  }
  if (found.length > 0) return found;
  throw new Failure("worker/failed", `job ${job.id} made no picture`);
}

async function sendSound(port: GatewayPort, job: Job, { caller, response }: Exchange): Promise<void> {
  const index = job.artifacts.findIndex(({ type }) => type?.startsWith("audio/"));
  if (index < 0) throw new Failure("worker/failed", `job ${job.id} made no sound`);
  const file = await port.call("GET /jobs/:job/artifacts/:index", { job: job.id, index }, caller);
  response.writeHead(200, { "content-type": file.type ?? "audio/wav", "content-length": file.bytes });
  // The stream closes the file.
  file.handle
    .createReadStream()
    .on("error", () => response.destroy())
    .pipe(response);
}

function embeddings({ output, id }: Job, model: string): object {
  const held = (output ?? {}) as { readonly embeddings?: Json; readonly embedding?: Json };
  const found = held.embeddings ?? held.embedding ?? output;
  if (!Array.isArray(found)) throw new Failure("worker/failed", `job ${id} gave no embeddings`);
  const list = typeof found[0] === "number" ? [found] : found;
  const data = list.map((embedding, index) => ({ object: "embedding", index, embedding }));
  return { object: "list", model, data, usage: { prompt_tokens: 0, total_tokens: 0 } };
}

function sendText(
  { response }: Exchange,
  path: string,
  { job, model, isStream }: Done,
  created: number,
): void {
  const isChat = path === "/v1/chat/completions";
  const text = textIn(job.output);
  const kind = isChat ? "chat.completion" : "text_completion";
  const head = { id: `job-${job.id}`, object: kind, created, model };
  const content = { role: "assistant", content: text };
  const said = isChat ? { message: content } : { text };
  const whole = { index: 0, ...said, finish_reason: "stop" };
  if (!isStream)
    return answerJson(response, {
      ...head,
      choices: [whole],
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
    });
  const piece = { index: 0, ...(isChat ? { delta: content } : { text }), finish_reason: "stop" };
  const chunk = { ...head, object: isChat ? "chat.completion.chunk" : kind, choices: [piece] };
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
}

function sendTranscript({ response }: Exchange, { job, fields }: Done): void {
  const text = textIn(job.output);
  if (fields["response_format"] !== "text") return answerJson(response, { text });
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

/** Of an output that is text, or has one under the usual names; any other as JSON. */
function textIn(output: Json): string {
  if (typeof output === "string") return output;
  const held = (output ?? {}) as { readonly text?: Json; readonly output?: Json };
  const found = held.text ?? held.output;
  return typeof found === "string" ? found : JSON.stringify(output);
}

function parse(body: Buffer): Readonly<Record<string, Json>> {
  try {
    return JSON.parse(body.toString("utf8")) as Readonly<Record<string, Json>>;
  } catch {
    throw new Failure("request/malformed", "the body of the request is not JSON");
  }
}
