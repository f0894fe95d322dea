import type { Socket } from "node:net";
import type { Api, StreamApi } from "../operations/api.ts";
import { Failure } from "../std/failure.ts";
import { linesOf } from "./lines.ts";
import {
  connectionFailure,
  type Exchange,
  type Exchanged,
  errorOf,
  exchange,
  notOurs,
  readText,
} from "./request.ts";

export type CallRoute = keyof Api;
export type StreamRoute = keyof StreamApi;
export type InputOf<R extends CallRoute> = Api[R]["input"];
export type OutputOf<R extends CallRoute> = Api[R]["output"];
export type StreamInputOf<R extends StreamRoute> = StreamApi[R]["input"];
export type LineOf<R extends StreamRoute> = StreamApi[R]["line"];

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest silence before the call is given up; 60 s when left out. */
  readonly timeoutMs?: number | undefined;
}

/** The daemon's API, typed by the route itself: `client.call("POST /jobs/:job/cancel", { job: 5 })`. */
export interface Client {
  readonly socket: string;
  /** @throws Failure as the daemon answered it, or daemon/unreachable */
  call<R extends CallRoute>(route: R, input: InputOf<R>, options?: CallOptions): Promise<OutputOf<R>>;
  /**
   * The lines of a streaming route, as they come. Ends quietly when `signal` aborts or the reader stops.
   * @throws Failure as the daemon answered it, before or within the stream, or daemon/unreachable
   */
  stream<R extends StreamRoute>(
    route: R,
    input: StreamInputOf<R>,
    options?: Pick<CallOptions, "signal">,
  ): AsyncIterable<LineOf<R>>;
}

const CALL_TIMEOUT_MS = 60_000;

/** A client of the daemon that listens on `socket`. Connects on the first call. */
export function createClient(socket: string, dialed?: Socket): Client {
  let spare = dialed;
  const takeSpare = (): Socket | undefined => {
    const taken = spare;
    spare = undefined;
    return taken?.writable === true ? taken : undefined;
  };
  return {
    socket,
    async call<R extends CallRoute>(route: R, input: InputOf<R>, options: CallOptions = {}) {
      const timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
      const spec = { socket, route, input, signal: options.signal, timeoutMs, dialed: takeSpare() };
      const text = await readText(await exchange(spec), spec);
      return parse(text, socket) as OutputOf<R>;
    },
    stream<R extends StreamRoute>(
      route: R,
      input: StreamInputOf<R>,
      options: Pick<CallOptions, "signal"> = {},
    ) {
      return streamLines({
        socket,
        route,
        input,
        signal: options.signal,
        dialed: takeSpare(),
      }) as AsyncIterable<LineOf<R>>;
    },
  };
}

async function* streamLines(spec: Exchange): AsyncGenerator<unknown, void, undefined> {
  const { socket, signal } = spec;
  let answer: Exchanged | undefined;
  try {
    answer = await exchange(spec);
    for await (const line of linesOf(answer.body)) {
      const value = parse(line, socket);
      const error = errorOf(value);
      if (error !== undefined) throw Failure.fromBody(error);
      yield value;
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    throw connectionFailure(error, socket);
  } finally {
    answer?.close();
  }
}

function parse(text: string, socket: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notOurs(socket, `it sent ${JSON.stringify(text.slice(0, 80))}`, error);
  }
}
