import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../std/failure.ts";
import { createPartFinder, type ModelPart } from "../forward/find-part.ts";
import { apiHeaders } from "../forward/headers.ts";
import { inTurn } from "../forward/in-turn.ts";
import type { Kit } from "../forward/kit.ts";
import { passOn } from "../forward/pass-on.ts";
import { createSpool, type Spool } from "../forward/spool.ts";
import type { Exchange } from "../port.ts";
import { openaiPieces } from "./errors.ts";
import { wholeAnswers } from "./manners.ts";
import { modelName, needModel, withQuery } from "./serve-json.ts";
import { serveUploadByJob } from "./upload-by-job.ts";

/**
 * Serves a form that brings files along. It is read until its model is known and, as long as it has to wait, further on; what comes
 * after that goes to the worker as it comes.
 * @throws Failure of many kinds
 */
export async function serveUpload(kit: Kit, path: string, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const spool = createSpool(kit.maxUploadBytes);
  const arrival = receive(request, spool);
  try {
    const part = await arrival.model;
    await forward(kit, path, exchange, { part, spool, arrival });
  } catch (error) {
    // Whoever still sends does not read yet: the answer comes when they have done, if that is soon.
    await arrival.discard();
    throw error;
  } finally {
    await spool.close();
  }
}

interface Upload {
  readonly part: ModelPart;
  readonly spool: Spool;
  readonly arrival: Arrival;
}

async function forward(kit: Kit, path: string, exchange: Exchange, upload: Upload): Promise<void> {
  const { request, caller } = exchange;
  const { part, arrival } = upload;
  const given = needModel(part.model);
  const served = kit.port.requests.model(given, caller);
  if (served.protocol !== "openai") {
    const body = Readable.from(bodyOf(upload, Buffer.from(given)), { objectMode: false });
    return serveUploadByJob(kit, path, exchange, { served, body });
  }
  const length = Number(request.headers["content-length"]);
  let isSent = false;
  await inTurn({
    kit,
    exchange,
    ask: { runtime: served.runtime, params: served.params },
    manner: wholeAnswers,
    async attempt(turn, upstream, waiting) {
      const name = Buffer.from(modelName(turn, given) ?? part.model);
      const rest = await arrival.hold();
      isSent ||= rest;
      const headers: Record<string, string> = {
        ...apiHeaders(request.headers, caller.correlation),
        ...turn.headers,
      };
      if (Number.isFinite(length))
        headers["content-length"] = String(length + name.length - (part.end - part.start));
      const body = Readable.from(bodyOf(upload, name), { objectMode: false });
      return passOn({
        exchange,
        waiting,
        upstream,
        request: { method: "POST", path: withQuery(path, exchange.query), headers, body },
        canRepeat: () => !isSent,
        asPieces: openaiPieces,
      });
    },
  });
}

/** What has come, with the model's name exchanged, and then what is still to come. */
async function* bodyOf({ part, spool, arrival }: Upload, name: Buffer): AsyncGenerator<Buffer> {
  await arrival.hold();
  let at = 0;
  for await (const chunk of spool.read()) {
    const end = at + chunk.length;
    if (at < part.start) yield chunk.subarray(0, part.start - at);
    if (at <= part.start && part.start < end) yield name;
    if (end > part.end) yield chunk.subarray(Math.max(0, part.end - at));
    at = end;
  }
  yield* arrival.rest();
}

/** An upload on its way here. */
interface Arrival {
  /** @throws Failure param/missing, request/malformed, request/too-large; interrupted */
  readonly model: Promise<ModelPart>;
  /** No more is put aside from now on. @returns whether more is to come; it can be had once. @throws Failure as `model` */
  hold(): Promise<boolean>;
  rest(): AsyncGenerator<Buffer>;
  /** Reads on for a moment, and throws it away. */
  discard(): Promise<void>;
}

const DISCARD_MS = 10_000;

function receive(request: IncomingMessage, spool: Spool): Arrival {
  const source = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const finder = createPartFinder(request.headers["content-type"]);
  let found: ModelPart | null = null;
  let isHeld = false;
  let isEnded = false;
  let tell = (_part: ModelPart): void => {};
  const model = new Promise<ModelPart>((resolve) => {
    tell = resolve;
  });
  const next = async (): Promise<Buffer | null> => {
    try {
      const { done, value } = await source.next();
      isEnded = done === true;
      return isEnded ? null : value;
    } catch {
      isEnded = true;
      throw new Failure("interrupted", "the caller has gone");
    }
  };
  const fill = async (): Promise<never | undefined> => {
    while (!isHeld) {
      const chunk = await next();
      if (chunk === null) break;
      await spool.append(chunk);
      found ??= finder.take(chunk);
      if (found !== null) tell(found);
    }
    if (found === null) needModel(null);
    return undefined;
  };
  const filled = fill();
  filled.catch(() => undefined);
  return {
    model: Promise.race([model, filled.then(() => model)]),
    async hold() {
      isHeld = true;
      await filled;
      return !isEnded;
    },
    async *rest() {
      for (let chunk = isEnded ? null : await next(); chunk !== null; chunk = await next()) yield chunk;
    },
    async discard() {
      isHeld = true;
      const drain = async (): Promise<void> => {
        await filled.catch(() => undefined);
        while (!isEnded) await next();
      };
      await Promise.race([drain().catch(() => undefined), sleep(DISCARD_MS, undefined, { ref: false })]);
    },
  };
}
