import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import { linesOf } from "../../client/lines.ts";
import type { Submission } from "../../operations/api.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { errnoOf, Failure, toFailure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Context } from "../context.ts";
import { noteRepeat } from "../text/array-text.ts";
import { fetchInto } from "./gather-params.ts";
import { placedJobOptionsOf } from "./job-options.ts";
import { resolveFiles } from "./params.ts";
import type { SubmitFlags } from "./submit-flags.ts";
import { resultOptionsOf, waitForResult } from "./wait-for-result.ts";
import { webhookOf } from "./webhook-flags.ts";

const CHUNK = 1000;
/** With a webhook, which tells once that all of them are over, they are one request: as many as that takes. */
const LARGEST_CHUNK = 10_000;

/**
 * Queues the jobs of a file of JSON lines, a thousand a request. Each request is taken whole or not at all; when
 * one is refused, those before it stay queued and the user is told which they are. With a webhook all are one request.
 * @throws Failure param/invalid with the line's number, usage/invalid, or as the daemon refused it
 */
export async function submitBatch(
  context: Context,
  client: Client,
  flags: SubmitFlags,
  runtime: RuntimeView | undefined,
): Promise<number> {
  const { out } = context;
  const ids: number[] = [];
  try {
    let chunk = 0;
    const webhook = webhookOf(flags);
    const size = flags.webhook === undefined ? CHUNK : LARGEST_CHUNK;
    for await (const jobs of chunksOf(readSubmissions(context, client, flags, runtime), size)) {
      const { idempotencyKey: key } = flags;
      chunk += 1;
      const own = key === undefined ? {} : { idempotencyKey: `${key}#${chunk}` };
      const queued = await client.call("POST /jobs/batch", { jobs, ...own, ...webhook });
      noteRepeat(out, queued);
      ids.push(...queued.ids);
      out.progress(`${ids.length} jobs queued`);
      if (out.format.quiet && !out.format.json && flags.wait !== true) out.print(queued.ids.join("\n"));
    }
  } catch (error) {
    if (ids.length > 0) out.note(`orch: before this, ${ids.length} jobs were queued (${rangeOf(ids)})`);
    throw toFailure(error);
  }
  if (flags.wait === true && ids.length > 0) {
    return waitForResult(context, client, { jobs: ids, many: true, ...resultOptionsOf(flags) });
  }
  out.result(
    { ids },
    {
      text: () =>
        out.print(ids.length === 0 ? "no jobs queued" : `${ids.length} jobs queued (${rangeOf(ids)})`),
    },
  );
  return 0;
}

async function* readSubmissions(
  context: Context,
  client: Client,
  flags: SubmitFlags,
  given: RuntimeView | undefined,
): AsyncGenerator<Submission, void, undefined> {
  const source = flags.batch ?? "-";
  const runtimes = new Map<string, RuntimeView>(given === undefined ? [] : [[given.name, given]]);
  const common = placedJobOptionsOf(flags, context.io);
  let number = 0;
  for await (const line of linesOf(source === "-" ? context.io.stdin : openLines(context, source))) {
    number += 1;
    const job = parseLine(line, `${source}: job ${number}`, given?.name);
    let runtime = runtimes.get(job.runtime);
    if (runtime === undefined) {
      runtime = await client.call("GET /runtimes/:runtime", { runtime: job.runtime });
      runtimes.set(job.runtime, runtime);
    }
    const files = { cwd: context.io.cwd, spool: refuseStdin, fetch: fetchInto(context) };
    const params = await resolveFiles(runtime, job.params, files);
    yield { runtime: job.runtime, params, options: { ...common, ...job.options } };
  }
}

function parseLine(line: string, where: string, defaultRuntime: string | undefined): SubmissionLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw malformed(where, error instanceof Error ? error.message : "not JSON");
  }
  if (!isObject(value)) throw malformed(where, "not a JSON object");
  const { runtime = defaultRuntime, params = {}, options = {}, ...others } = value;
  const [other] = Object.keys(others);
  if (other !== undefined) throw malformed(where, `unknown key "${other}": parameters belong into "params"`);
  if (typeof runtime !== "string") throw malformed(where, 'it has no "runtime"');
  if (!isObject(params)) throw malformed(where, '"params" is not an object');
  if (!isObject(options)) throw malformed(where, '"options" is not an object');
  return { runtime, params: params as Record<string, Json>, options };
}

interface SubmissionLine {
  readonly runtime: string;
  readonly params: Record<string, Json>;
  /** Checked by the daemon. */
  readonly options: Record<string, unknown>;
}

async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[], void, undefined> {
  let chunk: T[] = [];
  for await (const item of items) {
    if (chunk.length === LARGEST_CHUNK)
      throw new Failure("usage/invalid", `--webhook goes with at most ${LARGEST_CHUNK} jobs of a batch`, {
        why: "it tells once that all of them are over, so all are submitted at once",
        hint: "split the file",
      });
    chunk.push(item);
    if (chunk.length === size && size < LARGEST_CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

async function* openLines({ io }: Context, source: string): AsyncGenerator<unknown, void, undefined> {
  try {
    yield* createReadStream(resolve(io.cwd, source));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new Failure(errno === "ENOENT" ? "file/missing" : "file/unreadable", `cannot read ${source}`, {
      why: errno,
    });
  }
}

function rangeOf(ids: readonly number[]): string {
  return ids.length === 1 ? `job ${ids[0]}` : `${ids[0]} to ${ids.at(-1)}`;
}

function refuseStdin(): Promise<string> {
  throw new Failure("usage/invalid", "a batch cannot take files from stdin", {
    hint: "name a file instead of -",
  });
}

function malformed(where: string, why: string): Failure {
  return new Failure("param/invalid", `${where} cannot be queued`, {
    why,
    hint: 'write one job a line: {"runtime": "sdxl", "params": {"prompt": "a fox"}}',
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
